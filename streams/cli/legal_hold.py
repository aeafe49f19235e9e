"""`millrace legal-hold`: keep rows from being dropped or erased, whatever the policy or a request says."""

import re
from typing import Annotated

import typer

from clickhouse import legal
from clickhouse.legal import FIRST, LAST, LegalHold
from clickhouse.retention import job
from clickhouse.retention.ledger import Action
from streams.cli import terminal
from streams.cli.terminal import jobs
from streams.errors import ConfigurationError
from streams.events.domains import DOMAINS

app = typer.Typer(no_args_is_help=True, help="Keep rows from being dropped or erased.")


@app.callback()
def legal_hold() -> None:
    """Keep rows from being dropped or erased, by table, days, domain or person."""


@app.command()
def place(
    name: Annotated[str, typer.Argument(help="A word by which the hold is released again.")],
    reason: Annotated[str, typer.Option(help="Shown wherever the hold is met.")],
    table: Annotated[str, typer.Option(help="Rows of this table; without it, of every one.")] = "",
    first: Annotated[str | None, typer.Option("--from", help="Days from this one, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Days up to this one, YYYY-MM-DD.")] = None,
    domain: Annotated[str, typer.Option(help="Rows of this domain.")] = "",
    person: Annotated[str, typer.Option(help="Rows of this user_id or driver_id.")] = "",
) -> None:
    """Put a hold in force; what is left open is held whole. Tables that it touches lose their dropping TTL until then.

    Held rows are neither dropped, nor made coarser, nor erased, in the archive too; they may move to the cold tier.
    """
    if not re.fullmatch(r"[\w.-]{1,64}", name):
        raise ConfigurationError(f"legal-hold place {name!r}: use up to 64 letters, digits, `.`, `_` and `-`")
    if domain and domain not in DOMAINS:
        raise ConfigurationError(f"--domain {domain}: there are {', '.join(DOMAINS)}")
    from_day, to_day = jobs.day(first, "--from") or FIRST, jobs.day(last, "--to") or LAST
    if from_day > to_day:
        raise ConfigurationError(f"--from {from_day} is after --to {to_day}")
    hold = LegalHold(name, table, from_day, to_day, domain, person, reason, terminal.operator())
    with jobs.working() as (works, ledger):
        one = works[0]  # every node has the list of holds whole
        if table and not one.columns(table):
            raise ConfigurationError(f"--table {table}: there is no such table in database {one.database}")
        legal.place(one.client, one.database, hold)
        ledger.write(Action.HOLD, table, detail=f"{name}: {reason}")
        changed = job.apply(works, ledger)
    typer.echo(f"in force; {len(changed)} tables drop nothing by themselves now. End it with: ", nl=False)
    typer.echo(f"millrace legal-hold release {name}")


@app.command()
def release(name: Annotated[str, typer.Argument(help="The word that the hold was placed under.")]) -> None:
    """End a hold; what is due goes with the next run of the jobs."""
    with jobs.working() as (works, ledger):
        one = works[0]
        holds = {hold.name: hold for hold in legal.active(one.client, one.database)}
        if name not in holds:
            raise ConfigurationError(f"no legal hold {name!r} is in force; there are {', '.join(holds) or 'none'}")
        legal.release(one.client, one.database, holds[name])
        ledger.write(Action.RELEASE, holds[name].table, detail=name)
        job.apply(works, ledger)
    typer.echo("released")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the holds in force."""
    with jobs.looking() as (works, _):
        holds = legal.active(works[0].client, works[0].database)
    if as_json:
        terminal.json([{name: getattr(hold, name) for name in hold.__slots__} for hold in holds])
        return
    columns = ["name", "reason", "table", "from", "to", "domain", "person", "by", "since"]
    terminal.table(
        columns,
        (
            [h.name, h.reason, h.table or "all", h.first_day, h.last_day, h.domain, h.person, h.actor, h.at]
            for h in holds
        ),
    )
