"""`millrace analytics`: run the worker, try it with generated traffic, and ask for funnels and the like."""

import asyncio
import os
import sys
from typing import Annotated, Any

import typer

from clickhouse.analytics import journey, run, words
from clickhouse.analytics.kinds import KINDS, Kind, Question
from clickhouse.client import connect
from streams.cli import terminal
from streams.cli.load import Domains, load
from streams.cli.terminal.given import STDIN, given
from streams.errors import ConfigurationError, QueryRefused
from streams.settings import load as load_settings

app = typer.Typer(
    no_args_is_help=True, help="Run the worker, try it with generated traffic, and ask for funnels and the like."
)


@app.callback()
def analytics() -> None:
    """Run the worker, try it with generated traffic, and ask for funnels and the like."""


@app.command()
def start(
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run one worker in this process: the same as `faust -A streams worker`."""
    command = [sys.executable, "-m", "faust", "-A", "streams", "worker", "-l", log_level]
    os.execv(sys.executable, command)


@app.command("test")
def send(
    rate: Annotated[float, typer.Argument(min=0.01, help="Records a second.")] = 10.0,
    domain: Annotated[Domains, typer.Option(help="Whose events.")] = Domains.BOTH,
    count: Annotated[int, typer.Option(min=0, help="Records in all; 0: until ctrl-c.")] = 0,
    bootstrap: Annotated[str | None, typer.Option(help="Brokers, as host:port,host:port.")] = None,
) -> None:
    """Send generated events at a steady rate: the short form of `millrace load`."""
    load(domain, str(rate), count, 0.0, 0.0, 0.0, None, None, bootstrap)


@app.command()
def ask(
    what: Annotated[str, typer.Argument(metavar="KIND", help=f"Kind of question: {', '.join(KINDS)}.")],
    question: Annotated[
        str, typer.Argument(metavar="FILE", help="The question as JSON, as docs/analytics.md says; -: standard input.")
    ] = STDIN,
) -> None:
    """Ask for funnels, retention, cohorts or paths; the answer is JSON, as that of the API."""
    try:
        kind = KINDS[journey.choice("kind", what, KINDS)]
        asked = kind.ask(words.read(kind.words, given(question, "the question")))
        terminal.json(asyncio.run(_answer(kind, asked)))
    except QueryRefused as error:
        near = f" Did you mean {' or '.join(error.near)}?" if error.near else ""
        raise ConfigurationError(f"{error}{near} {error.hint}") from None


async def _answer(kind: Kind, question: Question) -> dict[str, Any]:
    client = await connect(load_settings(), reading=True)
    try:
        return await kind.answer(client, question, run.LIMITS)
    finally:
        await client.close()
