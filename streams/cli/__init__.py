"""The command line `millrace`: every command by name; its module is loaded only when it is called."""

import importlib
import importlib.metadata
import sys
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from streams.errors import MillraceError


class Entry(NamedTuple):
    """Where a command lives (`module` with an `app`, or `module:function`) and its line in `millrace --help`."""

    target: str
    help: str


COMMANDS: dict[str, Entry] = {
    "up": Entry("local:up", "Start everything on this machine, with a demo."),
    "topics": Entry("topics", "Create, show and check the Kafka topics."),
    "migrate": Entry("migrate", "Create and change the tables in ClickHouse and PostgreSQL."),
    "keys": Entry("keys", "Make, list and revoke API keys."),
    "audit": Entry("audit", "Show who exported, erased, replayed and changed what."),
    "clickhouse": Entry("clickhouse", "Set up ClickHouse and see whether it is well."),
    "hold": Entry("hold", "Close all shards for maintenance, and let them go on."),
    "retention": Entry("retention", "Show and apply how long data is kept, and where."),
    "archive": Entry("archive", "Archive old days, check the files, and bring days back."),
    "backup": Entry("backup", "Back up ClickHouse and PostgreSQL, and bring them back."),
    "legal-hold": Entry("legal_hold", "Keep rows from being dropped or erased."),
    "forget": Entry("forget:forget", "Erase one person everywhere, with a receipt."),
    "rebuild": Entry("rollups:rebuild", "Make rollups or family tables again from the raw rows."),
    "reconcile": Entry(
        "rollups:reconcile", "Compare rollups and family tables with the raw rows; repair what differs."
    ),
    "metrics-daily": Entry("daily:metrics_daily", "Compute the daily metrics of closed and of changed days."),
    "metrics": Entry("metrics", "List the metrics, explain one, or ask for its numbers."),
    "export": Entry("export", "Write numbers or rows into a file: CSV, Excel, JSON, NDJSON, Parquet."),
    "reports": Entry("reports", "Configure reports, make and send them."),
    "recommend": Entry("recommend", "Recommend routes to a rider or a driver, and measure how often they hit."),
    "batches": Entry("batches:batches", "Show the audit trail: what every batch took and delivered."),
    "intents": Entry("intents", "Show and repair the log of intents."),
    "dlq": Entry("dlq", "Look at dead letters, send them again, or give them up."),
    "storage": Entry("storage:storage", "Show what tables and columns take on disk, and their ratio to JSON."),
    "events": Entry("events", "Show the events, their schemas, and what changed."),
    "load": Entry("load:load", "Send generated traffic, with as many faults as wanted."),
    "replay": Entry("replay", "Send recorded events of the real world."),
    "analytics": Entry("analytics", "Run the worker, try it, and ask for funnels, retention, cohorts, paths."),
    "web": Entry("web:web", "Serve the API, HTTP ingestion and the dashboard."),
    "scheduler": Entry("scheduler:scheduler", "Run jobs at their due times."),
    "jobs": Entry("jobs", "Show, run, enable and disable the jobs of the scheduler."),
    "settings": Entry("settings", "Show the settings in force."),
    "docs": Entry("docs:docs", "Write the generated documents again, or check that they are current."),
}


def load_command(name: str) -> Any:
    """Import the module of one command and return it as a click command; `name` is a key of `COMMANDS`.

    Not called `load`: importing the command of that name would put its module here instead.
    """
    module_name, _, function = COMMANDS[name].target.partition(":")
    module = importlib.import_module(f"streams.cli.{module_name}")
    if not function:
        return get_group(module.app)
    single = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
    single.command(name)(getattr(module, function))
    return get_command(single)


class LazyGroup(TyperGroup):
    """Lists the commands from `COMMANDS`, so that help and completion import none of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in that carries the name and the line of help only."""
        if cmd_name not in COMMANDS:
            return None
        return typer.core.TyperCommand(cmd_name, help=COMMANDS[cmd_name].help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command for the words on the command line."""
        if args and args[0] in COMMANDS:
            return args[0], load_command(args[0]), args[1:]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_show_locals=False)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"millrace {importlib.metadata.version('millrace')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Domain events from Kafka into ClickHouse, exactly once.

    Start with `millrace up`. Settings are environment variables or lines of `.env`: see `millrace settings list`.
    """


def main() -> None:
    """Run the command line; what is raised on purpose becomes one message on stderr and exit code 1."""
    try:
        app(prog_name="millrace")
    except MillraceError as error:
        typer.secho(f"millrace: {error}", err=True, fg=typer.colors.RED)
        sys.exit(1)
