"""Journeys of a few people around a change of the clocks: drawn by hypothesis, put into the raw table of ticketing."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck
from hypothesis import settings as sized
from hypothesis import strategies as st

from clickhouse.client import connect, connect_sync
from streams.settings import Settings
from tests.support.analytics_oracle import Done, Match
from tests.support.metric_world import change_of_clocks
from tests.support.tables import migrated

TYPES = ("page.viewed", "event.viewed", "checkout.started", "ticket.purchased", "event.searched")
DEVICES = ("desktop", "mobile")
CURRENCIES = ("EUR", "USD")
ZONES = ("America/New_York", "Asia/Kathmandu", "UTC")
HOUR = 3_600_000
OFFSETS = (0, 1, 60_000, HOUR // 2, HOUR, HOUR + 1, 2 * HOUR, 20 * HOUR, 24 * HOUR, 25 * HOUR, 49 * HOUR, 220 * HOUR)
"""Milliseconds after `BASE` at which things happen: so few that ties are frequent."""
BASE = change_of_clocks() - timedelta(hours=9)
"""The clocks of New York change some hours later, and it is the day before there."""
NOON = change_of_clocks() + timedelta(hours=5)
"""About noon in New York on the day on which its clocks change."""
IS_SPRING = NOON.month < 7
"""Whether that day has 23 hours, and not 25."""
COLUMNS = ("event_id", "event_type", "occurred_at", "user_id", "device_type", "amount", "currency", "ingested_at")
PAID = "ticket.purchased"
Drawn = tuple[int, str, str, int, str]

offsets = st.sampled_from(OFFSETS)


@st.composite
def _journey(draw: st.DrawFn) -> list[Drawn]:
    """Some events of one person, at few moments."""
    moments = st.sampled_from(draw(st.lists(offsets, min_size=2, max_size=4)))
    kinds, currencies = st.sampled_from(TYPES), st.sampled_from(CURRENCIES)
    one = st.tuples(moments, kinds, st.sampled_from(DEVICES), st.integers(1, 9), currencies)
    return draw(st.lists(one, min_size=1, max_size=6))


drawn_journeys = st.lists(_journey(), min_size=30, max_size=40)
"""Of each person some events; of many persons, since a question costs as much for one of them."""


def drawn(examples: int) -> Callable[[Any], Any]:
    """So many examples, each of which asks ClickHouse."""
    suppressed = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return sized(max_examples=examples, deadline=None, suppress_health_check=suppressed)


def events(journeys: Sequence[Sequence[Drawn]]) -> list[Done]:
    """The events of all, person by person."""
    return [
        Done(
            f"person-{number:02d}",
            BASE + timedelta(milliseconds=offset),
            kind,
            device,
            Decimal(amount) if kind == PAID else Decimal(0),
            currency if kind == PAID else "",
        )
        for number, journey in enumerate(journeys)
        for offset, kind, device, amount, currency in journey
    ]


def told(text: str, person: str = "ann") -> list[Done]:
    """Events written as `type@minutes`, such as `page.viewed@0 event.viewed@1.5`."""
    words = [word.partition("@") for word in text.split()]
    return [Done(person, BASE + timedelta(minutes=float(at)), kind) for kind, _, at in words]


def load(client: Client, done: Sequence[Done]) -> None:
    """Let the raw table hold these events and no others."""
    now = datetime.now(UTC)
    client.command("TRUNCATE TABLE events")
    rows = [
        (f"{number}", each.type, each.at, each.person, each.device, each.amount, each.currency, now)
        for number, each in enumerate(done)
    ]
    if rows:
        settings = {"max_partitions_per_insert_block": 0, "async_insert": 0}
        client.insert("events", rows, COLUMNS, settings=settings)


def of_type(*names: str) -> Match:
    """Whether an event has one of these types."""
    return lambda each: each.type in names


@pytest.fixture(scope="session")
def journey_settings(stack_settings: Settings) -> Iterator[Settings]:
    """A database whose raw table of ticketing is this process's own."""
    name = f"test_journeys_{secrets.token_hex(4)}"
    settings = migrated(stack_settings.model_copy(update={"clickhouse_database": name}), rollups=False)
    yield settings
    client = connect_sync(settings)
    client.command(f"DROP DATABASE {name} SYNC")
    client.close()


@pytest.fixture(scope="session")
def journey_store(journey_settings: Settings) -> Iterator[Client]:
    """A client that fills it."""
    client = connect_sync(journey_settings)
    yield client
    client.close()


@pytest.fixture
async def journey_reader(journey_settings: Settings) -> AsyncIterator[AsyncClient]:
    """A client that asks it."""
    client = await connect(journey_settings, reading=True)
    yield client
    await client.close()
