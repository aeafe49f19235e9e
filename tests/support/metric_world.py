"""A seeded world around a change of the clocks, in ClickHouse and as plain rows, for tests of the metrics."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from clickhouse.client import connect_sync
from streams import codec
from streams.events import registry
from streams.events.domains import DOMAINS
from streams.events.sample import sample
from streams.settings import Settings
from streams.world import clock
from streams.world.dice import Dice
from streams.world.traffic import events
from tests.support.rows import bodies, decoded, insert, intent
from tests.support.tables import migrated

HOURS = 60.0
CURRENCIES = ("USD", "EUR", "JPY")
EVENTS = 20_000
LARGE_EVENTS = 200_000
CHUNK = 20_000
"""Events of one insert."""
DOMAIN_OF = {domain.raw_table: name for name, domain in DOMAINS.items()}
NEW_YORK = ZoneInfo("America/New_York")


@dataclass
class World:
    """What is in the database."""

    settings: Settings
    rows: list[dict[str, Any]]
    """Every row of both raw tables, as the worker renders it, with its `domain`."""
    begin: datetime
    end: datetime


@cache
def change_of_clocks() -> datetime:
    """The last day, at noon UTC, on which New York changed its clocks, and which lies a week back at least."""
    day = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=7)
    while day.astimezone(NEW_YORK).utcoffset() == (day - timedelta(days=1)).astimezone(NEW_YORK).utcoffset():
        day -= timedelta(days=1)
    return day


def build(settings: Settings, count: int) -> World:
    """Fill the raw tables of a database with so many events, and its rollups by their views."""
    begin = change_of_clocks() - timedelta(hours=HOURS / 2)
    generated = count * 4 // 5
    ending = begin + timedelta(hours=HOURS)
    world = events(
        tuple(DOMAINS), Dice(11), "metrics", clock.over(ending.timestamp(), HOURS, generated), generated / HOURS / 3600
    )
    structs = codec.decode_values([record.value or b"" for record in islice(world, generated)])
    structs += _samples(count - generated, begin)
    client = connect_sync(settings)
    rows: list[dict[str, Any]] = []
    for number in range(0, len(structs), CHUNK):
        for table, block in bodies(structs[number : number + CHUNK], intent(), first=number).items():
            insert(client, settings, table, block, f"{table}/{number}")
            rows += [{"domain": DOMAIN_OF[table], **row} for row in block.batch.to_pylist()]
    client.close()
    return World(settings, rows, begin, ending)


def _samples(count: int, begin: datetime) -> Sequence[Any]:
    """Every type in turn, with more currencies and more that is not given than the generated world has."""
    dice = random.Random(5)
    specs = [*registry.events.values()]
    made = []
    for number in range(count):
        at = begin + timedelta(milliseconds=dice.randrange(round(HOURS * 3_600_000)))
        event = sample(specs[number % len(specs)], dice, at)
        if "currency" in event["data"]:
            event["data"]["currency"] = dice.choice(CURRENCIES)
        made.append(msgspec.json.decode(msgspec.json.encode(event)))
    return decoded(made)


@contextmanager
def _built(stack_settings: Settings, name: str, count: int) -> Iterator[World]:
    settings = migrated(stack_settings.model_copy(update={"clickhouse_database": name}))
    yield build(settings, count)
    client = connect_sync(settings)
    client.command(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    client.close()


@pytest.fixture(scope="session")
def metric_world(stack_settings: Settings) -> Iterator[World]:
    """The world and where it is."""
    with _built(stack_settings, "test_metrics", EVENTS) as made:
        yield made


@pytest.fixture(scope="session")
def large_metric_world(stack_settings: Settings) -> Iterator[World]:
    """A larger one."""
    with _built(stack_settings, "test_metrics_large", LARGE_EVENTS) as made:
        yield made
