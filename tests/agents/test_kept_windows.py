"""Kept and live windows, streamed and counted again after a crash, held to questions about the raw rows."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from streams.sampling import SAMPLED_TYPE
from streams.settings import Settings
from tables.declared import declared
from tables.live import Live
from tests.support.feed import Pipeline, pipeline, produce
from tests.support.meeting import TYPES, meet
from tests.support.store import Answers
from tests.support.waiting import eventually
from tests.support.window_truths import Span, equal

pytestmark = pytest.mark.slow

MINUTES = 58
"""Over so many the events are spread; all of them are counted again after a crash."""


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


def history(first: int, each: int) -> list[tuple[str, int, bytes | None]]:
    """So many events of every type, and eight times as many pings, over the last hour and both shards."""
    records: list[tuple[str, int, bytes | None]] = []
    for kind in TYPES:
        for number in range(first, first + each * (8 if kind == SAMPLED_TYPE else 1)):
            records.append(meet(kind, number, (number * 37 + len(kind) * 11) % MINUTES * 60 + number % 60))
    return records


def watermarks(worker: Pipeline) -> Callable[[], Awaitable[bool]]:
    """Whether every shard has one."""

    async def found() -> bool:
        return all(shard.windows.watermark.value for shard in worker.shards.values())

    return found


async def test_windows_are_those_of_the_rows_streamed_and_counted_again(
    ready: Settings, ask: Answers, reader: Live
) -> None:
    """Active people, demand and free drivers by cell, sales by organiser and ticketed event, the dashboard."""
    quick = ready.model_copy(
        update={"watermark_idle_seconds": 0.5, "watermark_disorder_seconds": 1.0, "location_sample_rate": 0.5}
    )
    now, sent = int(time.time()), 0
    closed = Span(now - 7200, now // 300 * 300)
    told = Span(now // 300 * 300 - MINUTES * 60, now + 7200)

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
        await equal(ask, reader, closed, told)
        worker.crash()

    await ask.client.command("TRUNCATE TABLE metrics_realtime")
    async for name in reader._client.scan_iter(f"{quick.kafka_group}:live:*"):
        await reader._client.delete(name)
    async with pipeline(quick):
        await equal(ask, reader, closed, told)
