"""Points of curves about workers: `bench.ingest` with other settings, and with other events."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench import ingest
from bench.curves.curve import Figures, Size
from bench.ingest import Asked
from bench.world import Message, originals, recent
from deploy.local import tools
from streams.world.dice import Dice
from streams.world.faults import spoiled

EVENTS: dict[Size, int] = {"small": 100_000, "full": 300_000}
"""The backlog of a point."""
DIFFERENT = 50_000
"""Different events, of which the others are copies under ids of their own."""
STEADY: dict[Size, int] = {"small": 10, "full": 20}
"""Seconds of a steady load."""
PADDING = b'"data":{'


def batch_rows(rows: float, size: Size) -> Figures:
    """A backlog, in batches of so many rows at most."""
    with environment(BATCH_ROWS=int(rows)):
        return ingest.run(_asked(size))


def partitions(count: float, size: Size) -> Figures:
    """A backlog in topics of so many partitions, all of which one worker has."""
    with environment(KAFKA_PARTITIONS=int(count)):
        return ingest.run(_asked(size))


def window_keys(different: float, size: Size) -> Figures:
    """A backlog of so few different events, and so of people, cities and cells."""
    return ingest.run(_asked(size), originals(int(different)))


def event_bytes(padding: float, size: Size) -> Figures:
    """A backlog of events that are longer by a field which no declaration names: read past, and kept nowhere."""
    field = PADDING + b'"padding":"' + b"x" * int(padding) + b'",'
    made = [(topic, key, value.replace(PADDING, field, 1)) for topic, key, value in originals(DIFFERENT)]
    return ingest.run(_asked(size), made if padding else originals(DIFFERENT))


def bad_share(share: float, size: Size) -> Figures:
    """A backlog of which so large a share is refused, for all reasons alike."""
    with environment(DEAD_LETTER_LIMIT=1):
        return ingest.run(_asked(size), mixed(share, DIFFERENT))


def workers(count: float, size: Size) -> Figures:
    """A backlog for so many workers, on two partitions each."""
    with environment(KAFKA_PARTITIONS=4):
        return ingest.run(_asked(size, workers=int(count)))


def load(rate: float, size: Size) -> Figures:
    """A steady load on one shard, after a backlog that gets the worker going."""
    with environment(KAFKA_PARTITIONS=1):
        return ingest.run(_asked(size, rate=int(rate), seconds=STEADY[size], events=EVENTS["small"]))


def lag(events: float, size: Size) -> Figures:
    """A backlog of so many events."""
    return ingest.run(_asked(size, events=int(events)))


def mixed(share: float, count: int) -> list[Message]:
    """Events of the world, of which so large a share is spoiled; evenly, so that every batch has its part."""
    dice = Dice(7)
    made: list[Message] = []
    for number, record in enumerate(recent(count, dice)):
        if int((number + 1) * share) > int(number * share):
            bad = spoiled(record, f"bad-{number}", dice)
            made.append((bad.topic, bad.key, bad.value or b""))
        else:
            made.append((record.topic, record.key, record.value or b""))
    return made


@contextmanager
def environment(**values: object) -> Iterator[None]:
    """Settings for this process and those that it starts, as long as it lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _asked(size: Size, *, rate: int = 10_000, seconds: int = 0, events: int | None = None, workers: int = 1) -> Asked:
    return Asked(
        events=events or EVENTS[size],
        rate=rate,
        seconds=seconds,
        rounds=1,
        broker="kafka" if tools.kafka() else "embedded",
        workers=workers,
    )
