"""`millrace analytics`: run the worker, and try it with generated traffic."""

import os
import sys
from typing import Annotated

import typer

from streams.cli.load import Domains, load

app = typer.Typer(no_args_is_help=True, help="Run the worker, and try it with generated traffic.")


@app.callback()
def analytics() -> None:
    """Run the worker, and try it with generated traffic."""


@app.command()
def start(
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run one worker in this process: the same as `faust -A streams worker`."""
    words = [sys.executable, "-m", "faust", "-A", "streams", "worker", "-l", log_level]
    os.execv(sys.executable, words)


@app.command("test")
def send(
    rate: Annotated[float, typer.Argument(min=0.01, help="Records a second.")] = 10.0,
    domain: Annotated[Domains, typer.Option(help="Whose events.")] = Domains.BOTH,
    count: Annotated[int, typer.Option(min=0, help="Records in all; 0: until ctrl-c.")] = 0,
    bootstrap: Annotated[str | None, typer.Option(help="Brokers, as host:port,host:port.")] = None,
) -> None:
    """Send generated events at a steady rate: the short form of `millrace load`."""
    load(domain, str(rate), count, 0.0, 0.0, 0.0, None, None, bootstrap)
