"""`millrace load`: traffic of a generated world, with as many faults as wanted."""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer

from streams.cli import produce
from streams.errors import ConfigurationError
from streams.events import registry
from streams.settings import load as load_settings
from streams.world import clock
from streams.world.dice import Dice
from streams.world.mix import Shares, mix
from streams.world.runs import new_run, run_time
from streams.world.traffic import events
from streams.world.truth import Truth

MAX = "max"
BACKFILL_HOURS = 24.0
"""At full speed the events are spread over so many hours before the start."""
FULL_SPEED = 20_000.0
"""Records a second that repeats are timed by at full speed."""


class Domains(StrEnum):
    """Whose world it is."""

    RIDES = "rides"
    TICKETING = "ticketing"
    BOTH = "both"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains."""
        return ("rides", "ticketing") if self is Domains.BOTH else (str(self),)


def load(
    domain: Annotated[Domains, typer.Option(help="Whose events.")] = Domains.BOTH,
    rate: Annotated[str, typer.Option(help="Records a second, or `max`.")] = "100",
    count: Annotated[int, typer.Option(min=0, help="Records in all; 0: until ctrl-c.")] = 0,
    invalid: Annotated[float, typer.Option(min=0, max=0.5, help="Share of records that must be refused.")] = 0.0,
    duplicate: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of records that repeat an earlier event.")
    ] = 0.0,
    late: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of records whose event time is up to six hours ago.")
    ] = 0.0,
    seed: Annotated[int | None, typer.Option(help="Equal seeds give equal journeys; drawn if not given.")] = None,
    run: Annotated[str | None, typer.Option(help="Repeat this run: with equal options, the very same events.")] = None,
    bootstrap: Annotated[str | None, typer.Option(help="Brokers, as host:port,host:port.")] = None,
) -> None:
    """Send generated events, and print what was sent as one line of JSON.

    With a rate, events happen as they are sent. With `--rate max`, which needs a count, they fill the 24 hours before
    the start, along the curve of a day. Ctrl-c ends it early; the JSON then tells what was sent until then.
    """
    settings = load_settings()
    brokers = produce.servers(settings, bootstrap)
    per_second = _per_second(rate, count)
    if invalid + duplicate > 0.9:
        raise ConfigurationError(
            f"--invalid {invalid} and --duplicate {duplicate} leave too few valid events: keep their sum below 0.9."
        )
    seed = secrets.randbelow(2**32) if seed is None else seed
    run = run or new_run(datetime.now(UTC))
    start = run_time(run).timestamp()
    if per_second is None:
        times, density = clock.over(start, BACKFILL_HOURS, count), count / (BACKFILL_HOURS * clock.HOUR)
    else:
        times, density = clock.live(start, per_second), per_second
    # Two loads may start within the same millisecond, so the seed is part of the ids too.
    dice, prefix = Dice(seed), f"{run}-{seed:x}"
    valid = events(domain.names, dice, prefix, times, density)
    records = mix(valid, Shares(invalid, duplicate, late), dice, prefix, per_second or FULL_SPEED)
    truth = Truth(
        command="load",
        run=run,
        seed=seed,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        sample_rate=settings.location_sample_rate,
    )
    topics = [name for name in registry.topics if name.split(".")[0] in domain.names]
    due = None if per_second is None else lambda record, number: number / per_second
    produce.run(brokers, topics, islice(records, count or None), truth, count or None, due)


def _per_second(rate: str, count: int) -> float | None:
    """The rate as a number; None for full speed. Raises ConfigurationError where it makes no sense."""
    if rate == MAX:
        if not count:
            raise ConfigurationError("--rate max needs --count: at full speed there is no end otherwise.")
        return None
    try:
        value = float(rate)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e7:
        raise ConfigurationError(f"--rate {rate}: give records a second, such as 100, or {MAX}.")
    return value
