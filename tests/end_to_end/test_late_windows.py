"""Windows over a kill -9 and a pause of workers while events come out of order, late, and too late."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count
from typing import NamedTuple

import pytest
from redis.asyncio import Redis

from clickhouse.client import connect
from streams.settings import Settings
from tables.declared import declared
from tables.live import Live
from tables.query import Query
from tests.support.feed import produce
from tests.support.meeting import TYPES, meet
from tests.support.store import Answers
from tests.support.waiting import eventually
from tests.support.window_truths import Span, equal
from tests.support.workers import Crew

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.faults]

AGES = (0, 120, 0, 0, 240, 0, 420, 0, 0, 1800)
"""Seconds, to which up to a minute is added: the last is too late, those before it correct what has closed."""
ROWS = "SELECT (SELECT count() FROM events_raw) + (SELECT count() FROM events)"
JUDGED = "SELECT uniqExactIf(shard, toUnixTimestamp(watermark) > 0) = 2 FROM events_raw"
CORRECTED = """
SELECT count() FROM (
    SELECT 1 FROM metrics_realtime WHERE window != 'ticketing.sessions'
    GROUP BY window, starts_at, key, shard HAVING uniqExact(revision) > 1
)
"""


class Counted(NamedTuple):
    """A measure that counts the events of one type."""

    window: str
    seconds: int
    measure: str
    kind: str


COUNTED = (
    Counted("rides.bookings.1m", 60, "created", "booking.created"),
    Counted("rides.trips.5m", 300, "completed", "trip.completed"),
    Counted("rides.payments.1m", 60, "failed", "payment.failed"),
    Counted("ticketing.sales.5m", 300, "purchased", "ticket.purchased"),
    Counted("realtime_dashboard", 300, "page_views", "page.viewed"),
)


class Sent:
    """Sends events, and remembers those that windows must count."""

    def __init__(self, settings: Settings) -> None:
        self.total = 0
        self.in_time: Counter[tuple[str, int]] = Counter()
        """By type and second."""
        self._settings = settings
        self._numbers = count()

    async def portion(self, ages: tuple[int, ...] = AGES) -> None:
        """One event of each type and age."""
        records: list[tuple[str, int, bytes | None]] = []
        for age in ages:
            number = next(self._numbers)
            for kind in TYPES:
                topic, partition, value = meet(kind, number, age + number * 7 % 60)
                records.append((topic, partition, value))
                if age < AGES[-1]:
                    self.in_time[kind, int(datetime.fromisoformat(json.loads(value)["time"]).timestamp())] += 1
        self.total += await produce(self._settings, records)

    async def until(self, ended: asyncio.Event) -> None:
        """Portions until it is told to end."""
        while not ended.is_set():
            await self.portion()
            await asyncio.sleep(1)

    def windows(self, counted: Counted, until: int) -> dict[int, int]:
        """What the windows that end by then must say."""
        found: Counter[int] = Counter()
        for (kind, second), events in self.in_time.items():
            start = second // counted.seconds * counted.seconds
            if kind == counted.kind and start + counted.seconds <= until:
                found[start] += events
        return dict(found)


@pytest.fixture
def settings_of_all(on_kafka: Settings) -> Settings:
    """Every ping is kept, and a topic is idle soon."""
    return on_kafka.model_copy(update={"location_sample_rate": 1.0, "watermark_idle_seconds": 2.0})


@pytest.fixture
async def questions(settings_of_all: Settings) -> AsyncIterator[Answers]:
    """Questions to the test's database."""
    client = await connect(settings_of_all)
    yield Answers(client)
    await client.close()


@pytest.fixture
async def reader(settings_of_all: Settings) -> AsyncIterator[Live]:
    """The view of all shards."""
    redis = Redis.from_url(settings_of_all.redis_url or "")
    yield Live(redis, settings_of_all.kafka_group, declared, expected=2, cache_seconds=0)
    await redis.aclose()


async def kept(ask: Answers, counted: Counted, until: int) -> dict[int, int]:
    """What is kept of the windows that end by then, both shards together."""
    sql = f"""
        SELECT toUnixTimestamp(starts_at) AS start, toUInt64(sum(values['{counted.measure}'])) AS events
        FROM metrics_realtime_latest WHERE window = '{counted.window}' AND toUnixTimestamp(ends_at) <= {until}
        GROUP BY start HAVING events > 0"""
    return dict(await ask.rows(sql))


async def test_late_events_are_counted_and_corrected_over_a_kill_and_a_pause(
    settings_of_all: Settings, questions: Answers, reader: Live, workers: Crew
) -> None:
    settings, ask, sent, began = settings_of_all, questions, Sent(settings_of_all), int(time.time())

    async def rows(wanted: int) -> None:
        async def there() -> bool:
            return int(await ask.one(ROWS)) >= wanted

        await eventually(f"{wanted} rows", there, 180)

    async def marks() -> bool:
        view = await reader.read(Query("rides.active.1m"))
        return len(view.shards) == 2 and all(each.status and each.status.watermark for each in view.shards)

    first, second = workers.start(settings), workers.start(settings)
    await asyncio.to_thread(first.wait_ready)
    await sent.portion(AGES[:-1])
    await eventually("watermarks", marks)
    await sent.portion(AGES[:-1])  # from now on whoever takes over begins with a watermark
    await eventually("rows that were judged by one", lambda: ask.one(JUDGED))

    ended = asyncio.Event()
    sending = asyncio.create_task(sent.until(ended))
    await rows(sent.total + 1000)
    await asyncio.to_thread(first.kill)
    await rows(sent.total + 1000)
    second.pause()
    third = await asyncio.to_thread(workers.start, settings)
    await asyncio.to_thread(third.wait_ready, 2)
    await rows(sent.total + 1000)
    second.resume()
    await rows(sent.total + 1000)
    ended.set()
    await sending
    await rows(sent.total)
    assert await ask.one(ROWS) == sent.total

    until = int(time.time()) // 60 * 60
    truth = {each: sent.windows(each, until) for each in COUNTED}
    assert all(truth.values())

    async def as_sent() -> bool:
        return {each: await kept(ask, each, until) for each in COUNTED} == truth

    try:
        await eventually("closed windows are those of what was sent", as_sent, 120)
    except AssertionError:
        assert {each: await kept(ask, each, until) for each in COUNTED} == truth  # says what there was instead
    await equal(ask, reader, Span(began // 300 * 300 - 900, until), Span(began // 300 * 300 - 900, until + 7200))
    assert await ask.one(CORRECTED)
