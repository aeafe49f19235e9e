"""Kept and live windows, streamed and counted again after a crash, held to questions about the raw rows."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.events import registry
from streams.settings import Settings
from tables.declared import declared
from tables.live import Live
from tests.support.feed import Pipeline, pipeline, produce
from tests.support.store import Answers
from tests.support.waiting import eventually
from tests.support.window_truths import TRUTHS, TUMBLING, Told, kept, live, of_rows
from tests.support.wire import event

pytestmark = pytest.mark.slow

MINUTES = 58
"""Over so many the events are spread; all of them are counted again after a crash."""
SPOTS = ((40.71, -74.0), (40.76, -73.98), (41.88, -87.63))
TYPES = [name for name, spec in registry.events.items() if spec.topic != "ticketing.catalog"]


@pytest.fixture
def windows() -> bool:
    """They are what this is about."""
    return True


@pytest.fixture
async def reader(ready: Settings) -> AsyncIterator[Live]:
    """The view of all shards."""
    redis = Redis.from_url(ready.redis_url or "")
    yield Live(redis, ready.kafka_group, declared, expected=2, cache_seconds=0)
    await redis.aclose()


def few(kind: str, number: int) -> dict[str, Any]:
    """Fields of an event among few people, sellers and places, so that many events meet in a window."""
    latitude, longitude = SPOTS[number % 3]
    place = {"latitude": latitude, "longitude": longitude}
    chosen: dict[str, Any] = {
        "user_id": f"person-{number % 7}",
        "driver_id": f"person-{number % 5 + 4}",  # two of them ride as well
        "session_id": f"visit-{number % 6}",
        "organizer_id": f"seller-{number % 3}",
        "ticketed_event_id": f"show-{number % 4}",
    }
    if kind == "booking.created":
        chosen["pickup"] = place
    if kind == "driver.location.updated":
        chosen |= {"position": place, "trip_id": "trip" if number % 2 else None}
    return {name: value for name, value in chosen.items() if name in registry.events[kind].fields}


def history(first: int, each: int) -> list[tuple[str, int, bytes | None]]:
    """So many events of every type, and eight times as many pings, over the last hour and both shards."""
    records: list[tuple[str, int, bytes | None]] = []
    for kind in TYPES:
        for number in range(first, first + each * (8 if kind == "driver.location.updated" else 1)):
            ago = (number * 37 + len(kind) * 11) % MINUTES * 60 + number % 60
            topic, value = event(kind, number, ago=ago, **few(kind, number))
            records.append((topic, number // 3 % 2, value))
    return records


def watermarks(worker: Pipeline) -> Callable[[], Awaitable[bool]]:
    """Whether every shard has one."""

    async def found() -> bool:
        return all(shard.windows.watermark.value for shard in worker.shards.values())

    return found


async def all_equal(ask: Answers, reader: Live, now: int) -> None:
    """Wait until what is kept of closed windows, and what is told of all, is what the rows say."""
    closed = {"since": now - 7200, "until": now // 300 * 300}
    told = {"since": now // 300 * 300 - MINUTES * 60, "until": now + 7200}
    truths = await of_rows(ask, TUMBLING, by_shard=True, **closed), await of_rows(ask, TRUTHS, by_shard=False, **told)
    assert min(len(truth) for truth in (*truths[0].values(), *truths[1].values())) > 5

    async def found() -> tuple[dict[str, Told], dict[str, Told]]:
        return await kept(ask, **closed), await live(reader, **told)

    async def equal() -> bool:
        return await found() == truths

    try:
        await eventually("windows are those of the rows", equal)
    except AssertionError:
        for is_, must in zip(await found(), truths, strict=True):
            for name, truth in must.items():
                assert is_[name] == truth, name
        raise


async def test_windows_are_those_of_the_rows_streamed_and_counted_again(
    ready: Settings, ask: Answers, reader: Live
) -> None:
    """Active people, demand and free drivers by cell, sales by organiser and ticketed event, the dashboard."""
    quick = ready.model_copy(
        update={"watermark_idle_seconds": 0.5, "watermark_disorder_seconds": 1.0, "location_sample_rate": 0.5}
    )
    now, sent = int(time.time()), 0

    async def taken(worker: Pipeline) -> None:
        async def all_taken() -> bool:
            return sum(sum(ends.values()) for ends in worker.feed.committed.values()) == sent

        await eventually("everything is taken", all_taken)

    async with pipeline(quick) as worker:
        sent += await produce(quick, history(0, 15))
        await taken(worker)
        await eventually("watermarks", watermarks(worker))
        sent += await produce(quick, history(1000, 15))  # corrections, and what is too late for them
        await taken(worker)
        assert sum(shard.windows.panes.late.total() for shard in worker.shards.values()) > 100
        await all_equal(ask, reader, now)
        worker.crash()

    await ask.client.command("TRUNCATE TABLE metrics_realtime")
    async for name in reader._client.scan_iter(f"{quick.kafka_group}:live:*"):
        await reader._client.delete(name)
    async with pipeline(quick):
        await all_equal(ask, reader, now)
