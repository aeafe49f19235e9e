"""A test's own database and topics, and short questions to them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import connect
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.tables import migrated
from tests.support.waiting import eventually


class Answers:
    """Asks ClickHouse; one value, or rows."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def one(self, sql: str) -> Any:
        """The first column of the first row."""
        return (await self.rows(sql))[0][0]

    async def rows(self, sql: str) -> list[Any]:
        """All rows."""
        return list((await self.client.query(sql)).result_rows)

    async def count(self, table: str, where: str = "1") -> int:
        """Rows of a table."""
        return int(await self.one(f"SELECT count() FROM {table} WHERE {where}"))

    async def distinct(self, table: str) -> int:
        """Distinct events of a raw table."""
        return int(await self.one(f"SELECT uniqExact(source, event_id) FROM {table}"))


@pytest.fixture
def rollups() -> bool:
    """Whether a test's database has the rollups; the rooms whose tests are about them say so."""
    return False


@pytest.fixture
def windows() -> bool:
    """Whether a test's workers have windows; the rooms whose tests are about them say so.

    To count them again from rows is half of what a restart costs.
    """
    return False


@pytest.fixture
async def ready(settings: Settings, rollups: bool, windows: bool) -> Settings:
    """Settings of a test whose topics and tables exist."""
    migrated(settings, rollups=rollups)
    await create(settings)
    return settings.model_copy(update={"windows_enabled": windows})


@pytest.fixture
async def ask(ready: Settings) -> AsyncIterator[Answers]:
    """Questions to the test's database."""
    client = await connect(ready)
    yield Answers(client)
    await client.close()


FAMILIES = ("user_events", "booking_events", "payment_events", "trip_events", "route_events", "location_events")
COUNTS = (
    "(SELECT count() FROM events_raw) + (SELECT count() FROM events)",
    "(SELECT uniqExact(source, event_id) FROM events_raw) + (SELECT uniqExact(source, event_id) FROM events)",
    " + ".join(f"(SELECT count() FROM {table})" for table in FAMILIES) + " - (SELECT count() FROM events_raw)",
    "(SELECT count() FROM page_views) - (SELECT count() FROM events WHERE event_type = 'page.viewed')",
)
"""Of the raw tables the rows and the distinct events; what families and page views have beyond, which is nothing."""


async def exactly(ask: Answers, expected: int, seconds: float = 60) -> None:
    """Wait for so many rows in the raw tables; fail if one is doubled there, or a family table differs."""

    async def counts() -> tuple[int, ...]:
        (found,) = await ask.rows(f"SELECT {', '.join(COUNTS)}")
        return tuple(map(int, found))

    async def there() -> bool:
        return await ask.one(f"SELECT {COUNTS[0]}") == expected and await counts() == (expected, expected, 0, 0)

    try:
        await eventually(f"{expected} rows", there, seconds)
    except AssertionError:
        assert await counts() == (expected, expected, 0, 0)  # says what there was instead


async def shorten_age(ask: Answers, seconds: int) -> None:
    """Let ClickHouse refuse a batch after so few seconds; give BATCH_AGE_SECONDS the same value."""
    for table in ("events_raw", "events", "dead_letters"):
        await ask.client.command(f"ALTER TABLE {table} DROP CONSTRAINT fresh")
        await ask.client.command(
            f"ALTER TABLE {table} ADD CONSTRAINT fresh CHECK ingested_at BETWEEN "
            f"nowInBlock64(3) - INTERVAL {seconds} SECOND AND nowInBlock64(3) + INTERVAL 1 MINUTE"
        )


def short(settings: Settings, age: float = 3) -> Settings:
    """Settings under which a batch ages fast; see `shorten_age`."""
    return settings.model_copy(update={"batch_age_seconds": age, "batch_settle_seconds": 0.5})
