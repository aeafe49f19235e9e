"""`millrace migrate`: the schema of ClickHouse: what is applied, what is pending, and applying it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client

from clickhouse import cluster as clusters
from clickhouse import migrate, structure
from clickhouse.client import connect_sync
from streams.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Create and change the tables in ClickHouse.")

CLUSTER_HEAD = """\
-- The schema after all migrations in the form of a cluster, database and cluster named `millrace`.
-- Written by `make docs` from clickhouse/structure.sql and clickhouse/cluster.py.
"""
COLOURS = {"applied": "green", "partial": "yellow", "pending": "red"}


@app.callback()
def migrations() -> None:
    """Create and change the tables in ClickHouse."""


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show which migrations are applied. Changes nothing."""
    with _connected() as (client, settings):
        states = migrate.status(client, settings.clickhouse_database, migrate.load())
    if as_json:
        rows = [
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
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max((len(state.name) for state in states), default=0)
    for state in states:
        when = f"{state.finished_at:%Y-%m-%d %H:%M:%S} UTC by {state.owner}" if state.finished_at else ""
        word = typer.style(state.word.ljust(8), fg=COLOURS[state.word])
        typer.echo(f"{state.name.ljust(width)}  {word}  {state.done:>3}/{state.statements:<3}  {when}".rstrip())


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

    Any number of processes may do this at the same time, and it goes on after a crash where it ended.
    """
    done = migrate.run(load(), on_step=_report)
    typer.echo(f"{done} statements executed" if done else "nothing was pending")


@app.command()
def dump() -> None:
    """Print the schema as ClickHouse holds it; checked in as clickhouse/structure.sql."""
    with _connected() as (client, settings):
        typer.echo(structure.dump(client, settings.clickhouse_database), nl=False)


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
