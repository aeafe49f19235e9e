"""`millrace audit`: the log of who exported, erased, replayed and changed what."""

import asyncio
from typing import Annotated, Any

import typer

from api.reports.compliance import UNKNOWN, words
from metadata.audit import Action, Audit, Outcome, Recorded, Wanted
from metadata.session import connect
from streams.cli import terminal
from streams.settings import load

app = typer.Typer(no_args_is_help=True, help="Show who exported, erased, replayed and changed what.")


@app.callback()
def audit() -> None:
    """Show who exported, erased, replayed and changed what."""


@app.command("list")
def list_acts(
    begin: Annotated[
        str | None, typer.Option("--from", help="Begun since: RFC 3339 with zone, or an age such as 90m, 24h, 7d.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Begun before; written like --from.")] = None,
    action: Annotated[list[Action] | None, typer.Option(help="Only this action; may be repeated.")] = None,
    actor: Annotated[
        str, typer.Option(help="Only by whom whose name begins so: key:ID, user@host, or scheduler.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Acts at most, the newest.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List acts, the newest first: who, what, on what, how, and what came of it."""
    actions = tuple(map(str, action or ()))
    wanted = Wanted(terminal.moment(begin, "--from"), terminal.moment(end, "--to"), actions, actor, limit)
    found = asyncio.run(_list(wanted))
    if as_json:
        terminal.json([facts(each) for each in found])
        return
    columns = ["begun", "who", "action", "on", "how", "outcome", "what came of it"]
    terminal.table(columns, map(_line, found))


async def _list(wanted: Wanted) -> list[Recorded]:
    settings = load()
    engine = connect(settings)
    try:
        return await Audit(engine, settings).list(wanted)
    finally:
        await engine.dispose()


def facts(each: Recorded) -> dict[str, Any]:
    """An act as JSON."""
    return each._asdict()


def _line(each: Recorded) -> list[Any]:
    outcome = UNKNOWN if each.outcome == Outcome.BEGUN else each.outcome
    return [each.at, each.actor, each.action, each.subject, words(each.parameters), outcome, words(each.figures)]
