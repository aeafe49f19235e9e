"""`millrace migrate`: the schema of ClickHouse and of PostgreSQL: what is applied, what is pending, and applying it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client

from clickhouse import cluster as clusters
from clickhouse import migrate, structure
from clickhouse.client import connect_sync
from metadata import migrate as metadata
from streams.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Create and change the tables in ClickHouse and PostgreSQL.")

NO_METADATA = "metadata: DATABASE_URL is not set, so there are no API keys and nothing can be posted over HTTP"
CLUSTER_HEAD = """\
-- The schema after all migrations in the form of a cluster, database and cluster named `millrace`.
-- Written by `make docs` from clickhouse/structure.sql and clickhouse/cluster.py.
"""
COLOURS = {"applied": "green", "partial": "yellow", "pending": "red"}


@app.callback()
def migrations() -> None:
    """Create and change the tables in ClickHouse, and those of the metadata database in PostgreSQL."""


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show which migrations are applied. Changes nothing."""
    with _connected() as (client, settings):
        states = migrate.status(client, settings.clickhouse_database, migrate.load())
    kept = metadata.status(settings) if settings.database_url else []
    if as_json:
        rows: list[dict[str, Any]] = [
            {
                "migration": state.name,
                "state": state.word,
                "done": state.done,
                "statements": state.statements,
                "finished_at": state.finished_at.isoformat() if state.finished_at else None,
                "owner": state.owner or None,
            }
            for state in states
        ]
        rows += [
            {"migration": f"metadata {state.name}", "state": _word(state.applied), "done": int(state.applied)}
            | {"statements": 1, "finished_at": None, "owner": None}
            for state in kept
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max((len(state.name) for state in states), default=0)
    metadata_width = max((len(state.name) for state in kept), default=0)
    for state in states:
        when = f"{state.finished_at:%Y-%m-%d %H:%M:%S} UTC by {state.owner}" if state.finished_at else ""
        word = typer.style(state.word.ljust(8), fg=COLOURS[state.word])
        typer.echo(f"{state.name.ljust(width)}  {word}  {state.done:>3}/{state.statements:<3}  {when}".rstrip())
    if not settings.database_url:
        typer.echo(NO_METADATA)
    for name, applied in kept:
        word = typer.style(_word(applied).ljust(8), fg=COLOURS[_word(applied)])
        typer.echo(f"metadata {name.ljust(metadata_width)}  {word}")


@app.command()
def plan() -> None:
    """Print the statements that `apply` would execute. Changes nothing."""
    with _connected() as (client, settings):
        steps = migrate.plan(client, settings.clickhouse_database, migrate.load(), settings.clickhouse_cluster)
    if not steps:
        typer.echo("-- nothing is pending")
    for step in steps:
        typer.echo(f"-- {step.migration.name}, {step.number} of {len(step.migration.statements)}\n{step.sql};\n")


@app.command("print")
def print_all(
    cluster: Annotated[
        str | None,
        typer.Option(help="Name of a cluster; default CLICKHOUSE_CLUSTER, else the form of a single server."),
    ] = None,
) -> None:
    """Print all statements of all migrations as they would be executed, without a server.

    The tables that read a cluster are not among them: `apply` derives them from the tables that are there
    (clickhouse/cluster.sql shows them).
    """
    settings = load()
    steps = migrate.steps(migrate.load(), settings.clickhouse_database, cluster or settings.clickhouse_cluster)
    for step in steps:
        typer.echo(f"-- {step.migration.name}, {step.number} of {len(step.migration.statements)}\n{step.sql};\n")


def cluster_form() -> str:
    """The text of clickhouse/cluster.sql: the schema after all migrations, as a cluster named `millrace` has it."""
    single = (migrate.FOLDER.parent / "structure.sql").read_text(encoding="utf-8")
    made = clusters.schema(single, "millrace", "millrace")
    return "\n".join([CLUSTER_HEAD, *(f"{sql};\n" for sql in made)])


@app.command()
def apply() -> None:
    """Create the database, execute all pending statements, and let the tables follow the settings.

    Where DATABASE_URL is set, the metadata database in PostgreSQL follows. Any number of processes may do this at the
    same time, and it goes on after a crash where it ended.
    """
    settings = load()
    done = migrate.run(settings, on_step=_report)
    typer.echo(f"{done} statements executed" if done else "nothing was pending")
    if not settings.database_url:
        typer.echo(NO_METADATA)
        return
    done = metadata.run(settings)
    typer.echo(f"metadata: {done} migrations applied" if done else "metadata: nothing was pending")


@app.command()
def dump() -> None:
    """Print the schema as ClickHouse holds it; checked in as clickhouse/structure.sql."""
    with _connected() as (client, settings):
        typer.echo(structure.dump(client, settings.clickhouse_database), nl=False)


def _word(applied: bool) -> str:
    return "applied" if applied else "pending"


def _report(step: migrate.Step) -> None:
    typer.echo(f"{step.migration.name}: {step.number} of {len(step.migration.statements)}")


@contextmanager
def _connected() -> Iterator[tuple[Client, Settings]]:
    settings = load()
    client = connect_sync(settings, database=False)
    try:
        yield client, settings
    finally:
        client.close()
