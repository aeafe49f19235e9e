"""What `load` and `replay` share: send records, show how far it is, and print the truth at the end."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.send import Due, Sender
from streams import addresses
from streams.addresses import without_password
from streams.errors import ConfigurationError, SinkUnavailable
from streams.settings import Settings
from streams.world.record import Record
from streams.world.truth import Tally, Truth


def servers(settings: Settings, given: str | None) -> str:
    """The brokers of `--bootstrap` or the settings. Raises ConfigurationError without either, or for no address."""
    if given:
        try:
            return addresses.brokers(given)
        except ValueError as error:
            raise ConfigurationError(f"--bootstrap {without_password(given)}: {error}") from None
    found = settings.kafka_bootstrap_servers
    if found is None:
        raise ConfigurationError(
            "no broker is named. Start one with `millrace up`, or set KAFKA_BOOTSTRAP_SERVERS or --bootstrap."
        )
    return found


def run(
    brokers: str, topics: Iterable[str], records: Iterable[Record], truth: Truth, total: int | None, due: Due | None
) -> None:
    """Send all, until they end or ctrl-c; then print the truth as one line of JSON.

    `total`: how many there are, if they end. Raises SinkUnavailable after printing if not all was acknowledged.
    """
    failure = asyncio.run(send(brokers, topics, records, Tally(truth), total, due))
    typer.echo(msgspec.json.encode(truth))
    if truth.unacknowledged:
        raise SinkUnavailable(
            f"{truth.unacknowledged} of {truth.sent} records were not acknowledged by {brokers} ({failure!r}): they "
            "may or may not have arrived. Look at the broker, then send again with the same --run."
        )


async def send(
    brokers: str, topics: Iterable[str], records: Iterable[Record], tally: Tally, total: int | None, due: Due | None
) -> BaseException | None:
    """Send all, counting into the tally's truth; returns what went wrong, if anything."""
    truth, stopped = tally.truth, asyncio.Event()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    sender = Sender(brokers, topics)

    def stop() -> None:
        # The first ctrl-c lets what is under way arrive, the second does not wait.
        if stopped.is_set() and task is not None:
            task.cancel()
        stopped.set()

    begun = time.monotonic()
    try:
        async with sender:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop)
            if not sender.idempotent:
                typer.secho(
                    "The broker knows no idempotent producers: should it fail meanwhile, records can arrive twice.",
                    err=True,
                    fg="yellow",
                )
            with _bar(total) as bar:
                task_id = bar.add_task("sent", total=total, rate="") if bar else None

                def progress() -> None:
                    if bar and task_id is not None:
                        seconds = max(time.monotonic() - begun, 0.001)
                        bar.update(task_id, completed=truth.sent, rate=f"{truth.sent / seconds:,.0f}/s")

                truth.complete = await sender.send(records, stopped, tally.count, due, progress)
    except asyncio.CancelledError:
        truth.complete = False
    truth.seconds = round(time.monotonic() - begun, 3)
    truth.unacknowledged = truth.sent - sender.acknowledged
    tally.finished()
    return sender.failure


def _bar(total: int | None) -> "Progress | nullcontext[None]":
    """A progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        return nullcontext()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn() if total else TextColumn("{task.completed}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
