"""`millrace replay`: recorded events of the real world."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import produce
from streams.errors import ConfigurationError
from streams.settings import load as load_settings
from streams.world import rides as trips_of
from streams.world.rides import Times
from streams.world.runs import new_run, run_time
from streams.world.truth import Truth

MAX = "max"
TOPICS = ("rides.booking", "rides.trip", "rides.payment")

app = typer.Typer(no_args_is_help=True, help="Send recorded events of the real world.")


@app.callback()
def replay() -> None:
    """Send recorded events of the real world."""


@app.command()
def rides(
    file: Annotated[
        Path | None,
        typer.Argument(help="Trip records as the Taxi & Limousine Commission publishes them; else 5,000 that ship."),
    ] = None,
    speed: Annotated[str, typer.Option(help="Times as fast as it was, or `max`.")] = MAX,
    times: Annotated[Times, typer.Option(help="How the rides are moved in time.")] = Times.RECENT,
    run: Annotated[str | None, typer.Option(help="Repeat this run: the very same events.")] = None,
    bootstrap: Annotated[str | None, typer.Option(help="Brokers, as host:port,host:port.")] = None,
) -> None:
    """Send five events of every ride, in the order they happened, and print what was sent as one line of JSON.

    `recent` moves the last event to one minute before the start, `weekday` moves by whole weeks, `original` not at
    all. Every replay is a new run with new ids; `--run` repeats one, and its events are dropped as duplicates as long
    as the workers remember them.
    """
    settings = load_settings()
    brokers = produce.servers(settings, bootstrap)
    factor = _factor(speed)
    trips = trips_of.read(file or trips_of.FILE)
    run = run or new_run(datetime.now(UTC))
    records = trips_of.records(trips, run, trips_of.shift(trips, times, run_time(run)))
    truth = Truth(
        command="replay rides",
        run=run,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        sample_rate=settings.location_sample_rate,
        sums=_sums(trips),
    )
    first = min(trip.requested for trip in trips) + trips_of.shift(trips, times, run_time(run))
    due = None if factor is None else lambda record, number: (record.time - first.timestamp()) / factor
    produce.run(brokers, TOPICS, records, truth, 5 * len(trips), due)


def _sums(trips: list[trips_of.Trip]) -> dict[str, str]:
    """What the amounts of all trips add up to, to the cent."""
    nothing = Decimal(0)
    return {
        "fare": str(sum((trip.fare for trip in trips), nothing)),
        "paid": str(sum((trip.paid for trip in trips), nothing)),
        "tip": str(sum((trip.tip for trip in trips), nothing)),
        "driver_earnings": str(sum((trip.earnings for trip in trips), nothing)),
    }


def _factor(speed: str) -> float | None:
    """The speed as a number; None for full speed. Raises ConfigurationError for anything else."""
    if speed == MAX:
        return None
    try:
        value = float(speed)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise ConfigurationError(f"--speed {speed}: give a factor, such as 60 for an hour in a minute, or {MAX}.")
    return value
