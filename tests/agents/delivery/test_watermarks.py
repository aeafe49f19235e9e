"""The watermark of a shard while a batch is on its way: nobody is told more than the batch is judged by."""

import asyncio
import time

import pytest

from agents.live import status_of
from agents.shard import State
from streams import intent as intents
from streams.settings import Settings
from tests.support.feed import TOPICS, pipeline, produce, state_of
from tests.support.proxy import Proxy
from tests.support.store import Answers, exactly, short, shorten_age
from tests.support.waiting import eventually
from tests.support.wire import event

pytestmark = pytest.mark.slow


@pytest.fixture
def windows() -> bool:
    """They are what is late."""
    return True


@pytest.mark.long
async def test_an_outage_does_not_make_late_what_waits_for_it(line: tuple[Proxy, Settings], ask: Answers) -> None:
    way, settings = line
    quick = settings.model_copy(update={"watermark_idle_seconds": 0.2, "watermark_disorder_seconds": 0.1})
    async with pipeline(quick, [0]) as worker:
        await state_of(worker, State.RUNNING)
        topic, early = event("booking.created", 1, ago=60)
        await produce(quick, [(topic, 0, early)])
        await exactly(ask, 1)
        shard = worker.shards[0]
        way.refuse()
        held_at = int(time.time() * 1000)
        topic, value = event("trip.completed", 2, ago=30)
        await produce(quick, [(topic, 0, value)])

        async def held() -> bool:
            return shard.is_waiting

        await eventually("the insert is held", held)
        await asyncio.sleep(2)
        assert shard.windows.watermark.value <= held_at
        assert "rides.trip" not in shard.idle_topics()
        way.refuses = False
        await exactly(ask, 2)

        async def moved() -> bool:
            return shard.windows.watermark.value > held_at + 1500

        await eventually("the watermark moves again", moved)


async def test_nobody_is_told_a_watermark_beyond_that_of_a_batch_on_its_way(
    ready: Settings, ask: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is judged by the one in its record, so it may still change what ours has passed."""
    quick = ready.model_copy(update={"watermark_idle_seconds": 4, "watermark_disorder_seconds": 0.1})
    async with pipeline(quick, [0]) as worker:
        await state_of(worker, State.RUNNING)
        shard = worker.shards[0]

        async def silent() -> bool:
            return len(shard.idle_topics()) == len(TOPICS)

        await eventually("all topics are silent", silent)
        topic, early = event("booking.created", 1, ago=60)
        await produce(quick, [(topic, 0, early)])

        async def counted() -> bool:
            return shard.windows.watermark.value > 0

        await eventually("the first event is counted", counted)
        first = shard.proposer.last.seq
        propose, acknowledged = shard.proposer.propose, asyncio.Event()

        async def slowly(intent: intents.Intent) -> int:
            """As with a broker that takes its time to acknowledge."""
            offset = await propose(intent)
            await acknowledged.wait()
            return offset

        monkeypatch.setattr(shard.proposer, "propose", slowly)
        topic, value = event("trip.completed", 2, ago=30)
        await produce(quick, [(topic, 0, value)])

        async def passed() -> bool:
            return (
                shard.proposer.last.seq > first
                and shard.windows.watermark.value > shard.proposer.last.watermark + 30_000
            )

        def told() -> int:
            return status_of(shard, worker.feed, 0, "").watermark

        await eventually("the watermark passes that of the record", passed)
        assert told() == shard.proposer.last.watermark
        acknowledged.set()
        await exactly(ask, 2)

        async def told_it() -> bool:
            return told() == shard.windows.watermark.value

        await eventually("ours is told again", told_it)


async def test_windows_close_after_an_outage_although_nothing_follows(
    line: tuple[Proxy, Settings], ask: Answers
) -> None:
    """The batch is delivered by a recovery, and does not hold its topics back as if it were on its way for ever."""
    way, settings = line
    await shorten_age(ask, 1)
    quick = short(settings, 1).model_copy(update={"watermark_idle_seconds": 0.2, "watermark_disorder_seconds": 0.1})
    async with pipeline(quick, [0]) as worker:
        await state_of(worker, State.RUNNING)
        shard = worker.shards[0]
        way.refuse()
        topic, value = event("booking.created", 1, ago=30)
        await produce(quick, [(topic, 0, value)])
        await state_of(worker, State.WAITING)
        way.refuses = False
        await exactly(ask, 1)

        async def silent() -> bool:
            return topic in shard.idle_topics()

        await eventually("the topic is silent", silent)
