"""Which topics are idle: not while their shard is paused, nor one of which the broker has, or may have, more."""

import asyncio
from pathlib import Path

import pytest

from agents import flow
from agents.shard import State
from streams import metrics
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.feed import TOPICS, Pipeline, pipeline, produce, state_of
from tests.support.stack import broker_behind
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow

BEHIND = "rides.trip"


def quick(settings: Settings) -> Settings:
    """Topics are idle a moment after their newest event."""
    return settings.model_copy(update={"watermark_idle_seconds": 0.3, "watermark_disorder_seconds": 0.1})


def pauses() -> float:
    """Times that a buffer was full."""
    return metrics.REGISTRY.get_sample_value("millrace_pauses_total") or 0.0


async def all_idle(worker: Pipeline) -> None:
    """Feed every topic once, and wait until all of it is taken and nothing comes."""

    async def idle() -> bool:
        return set(worker.shards[0].idle_topics()) == TOPICS

    await state_of(worker, State.RUNNING)
    await eventually("every topic is idle", idle)


async def test_a_topic_that_is_behind_is_not_idle_however_silent(ready: Settings) -> None:
    settings = quick(ready)
    async with pipeline(settings, [0]) as worker:
        await produce(settings, mixed(100, partitions=1))
        await produce(settings, [(topic, 0, value) for topic, value in [event("driver.location.updated", 1)]])
        await all_idle(worker)
        shard = worker.shards[0]
        worker.feed.lose = lambda chunk: chunk.topic == BEHIND
        topic, value = event("trip.started", 1)
        await produce(settings, [(topic, 0, value)])

        async def behind() -> bool:
            return (worker.feed.ends(0)[BEHIND] or 0) > shard.buffer.expected[BEHIND]

        await eventually("the broker has more than was taken", behind)
        marks = shard.windows.watermark.topics
        held, others = marks[BEHIND], marks["rides.booking"]

        async def others_moved_on() -> bool:
            return marks["rides.booking"] > others + 1000

        await eventually("the others advance by system time", others_moved_on)
        assert set(shard.idle_topics()) == TOPICS - {BEHIND}
        assert shard.watermark == marks[BEHIND] == held
        worker.feed.lose = lambda _: False
        await all_idle(worker)


async def test_no_topic_is_idle_while_the_shard_is_paused(ready: Settings) -> None:
    gathers = quick(ready).model_copy(update={"batch_seconds": 5.0, "buffer_bytes": 1})
    async with pipeline(gathers, [0]) as worker:
        await produce(gathers, mixed(100, partitions=1))
        await produce(gathers, [(topic, 0, value) for topic, value in [event("driver.location.updated", 1)]])
        await all_idle(worker)
        shard = worker.shards[0]
        idle_while_paused: list[str] = []
        before = pauses()

        async def paused() -> bool:
            if shard._intake.is_paused:
                idle_while_paused.extend(shard.idle_topics())
            return pauses() > before

        pages = [event("page.viewed", number, url="/" + "x" * 2000) for number in range(3000)]
        await produce(gathers, [(topic, 0, value) for topic, value in pages])
        await eventually("the buffer is full", paused)
        assert idle_while_paused == []
        await all_idle(worker)  # which is over once the batch is delivered


async def test_no_topic_is_idle_while_the_broker_is_away(
    ready: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may reach it, and what they send meanwhile would be late once it is back."""
    monkeypatch.setattr(flow, "TOLD_SECONDS", 1.0)
    with broker_behind(tmp_path / "broker") as way:
        settings = quick(ready).model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{way.port}"})
        await create(settings)
        async with pipeline(settings, [0]) as worker:
            await produce(settings, mixed(100, partitions=1))
            await produce(settings, [(topic, 0, value) for topic, value in [event("driver.location.updated", 1)]])
            await all_idle(worker)
            shard = worker.shards[0]
            way.refuse()

            async def none_idle() -> bool:
                return shard.idle_topics() == []

            await eventually("no topic is idle", none_idle)
            held = shard.windows.watermark.value
            await asyncio.sleep(1)
            assert shard.windows.watermark.value == held
            way.accept()
            await all_idle(worker)
