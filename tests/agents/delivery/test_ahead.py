"""The next batch is made while ClickHouse takes the one before: sent in its turn, made anew, or dropped."""

import asyncio
from dataclasses import replace

import pytest

from agents import make
from agents.batch import Batch
from agents.gate import seconds_to_wait
from agents.make import Made
from agents.settle import Settler
from agents.shard import State
from streams.errors import SinkUnavailable
from streams.intent import Intent
from streams.settings import Settings
from tests.support.feed import TOPICS, Pipeline, pipeline, produce, state_of
from tests.support.proxy import Proxy
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import users

pytestmark = pytest.mark.slow

ROWS = 40
"""Of a batch at most."""


async def ahead_of(worker: Pipeline) -> Made:
    """The batch that shard 0 has made while the one before is on its way."""

    async def is_made() -> bool:
        return worker.shards[0]._ahead is not None

    await eventually("a batch is made ahead", is_made)
    made = worker.shards[0]._ahead
    assert made is not None
    return made


async def begun(way: Proxy, settings: Settings, worker: Pipeline) -> Made:
    """Keep back the inserts of a first batch, and see the second one made beside it."""
    await state_of(worker, State.RUNNING)
    way.passes.clear()
    await produce(settings, users(ROWS))
    shard = worker.shards[0]

    async def is_on_its_way() -> bool:
        return bool(shard._in_flight)

    await eventually("the first batch is on its way", is_on_its_way)
    await produce(settings, users(ROWS, first=ROWS // 2))  # half of them are repeats of the first batch
    return await ahead_of(worker)


@pytest.fixture
def few(line: tuple[Proxy, Settings]) -> tuple[Proxy, Settings]:
    """A line to ClickHouse, and settings of a worker behind it whose batches have few rows."""
    way, settings = line
    return way, settings.model_copy(update={"batch_rows": ROWS, "batch_seconds": 0.3})


def test_none_that_was_judged_before_a_hold_is_proposed_after_it() -> None:
    assert seconds_to_wait(age=0, settle=0) * 1000 > make.YOUNG


async def test_the_next_batch_is_made_beside_the_one_on_its_way(few: tuple[Proxy, Settings], ask: Answers) -> None:
    way, settings = few
    async with pipeline(settings, [0]) as worker:
        made = await begun(way, settings, worker)
        shard = worker.shards[0]
        assert made.batch.ranges["rides.user"] == (ROWS, 2 * ROWS)
        assert shard.proposer.last.ranges["rides.user"] == (0, ROWS)
        assert "rides.user" not in shard.idle_topics()
        assert made.batch.verdict["rides.user"]["duplicate"] == [ROWS, ROWS // 2]
        way.passes.set()
        await exactly(ask, ROWS + ROWS // 2)
        assert shard.proposer.last.ingested_at == made.ingested_at
        assert shard._ahead is None
        assert shard.gathered == 0


async def test_what_waits_for_its_turn_keeps_its_topic_from_being_idle(
    few: tuple[Proxy, Settings], ask: Answers
) -> None:
    way, settings = few
    settings = settings.model_copy(update={"watermark_idle_seconds": 0.2})
    async with pipeline(settings, [0]) as worker:
        await begun(way, settings, worker)
        shard = worker.shards[0]
        # R8 keeps the next batch back.
        shard._around = replace(shard._around, sizes=replace(shard._around.sizes, seconds_a_part=600))
        way.passes.set()
        await exactly(ask, ROWS)

        async def others_are_idle() -> bool:
            return len(shard.idle_topics()) == len(TOPICS) - 1

        await eventually("all other topics are idle", others_are_idle)
        assert not shard._in_flight
        assert shard._ahead is not None
        assert "rides.user" not in shard.idle_topics()
        shard._not_before = 0.0
        shard._wake.set()
        await exactly(ask, ROWS + ROWS // 2)


async def test_one_that_waited_long_is_judged_anew(
    few: tuple[Proxy, Settings], ask: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "YOUNG", 300)
    way, settings = few
    async with pipeline(settings, [0]) as worker:
        made = await begun(way, settings, worker)
        await asyncio.sleep(0.5)
        way.passes.set()
        await exactly(ask, ROWS + ROWS // 2)
        assert worker.shards[0].proposer.last.ingested_at > made.ingested_at + 300


async def test_one_that_is_made_when_the_shard_leaves_is_the_next_owners(
    few: tuple[Proxy, Settings], ask: Answers
) -> None:
    way, settings = few
    async with pipeline(settings, [0]) as worker:
        await begun(way, settings, worker)
        shard = worker.shards[0]
        leaving = asyncio.create_task(worker.running.shards.revoke(20))
        await asyncio.sleep(0.1)
        way.passes.set()
        await leaving
        assert shard.proposer.last.is_empty
        assert shard.proposer.last.ends["rides.user"] == ROWS
        await exactly(ask, ROWS)
    async with pipeline(settings, [0]):
        await exactly(ask, ROWS + ROWS // 2)


async def test_one_that_is_made_when_the_shard_is_cut_off_is_the_next_owners(
    few: tuple[Proxy, Settings], ask: Answers
) -> None:
    way, settings = few
    async with pipeline(settings, [0]) as worker:
        await begun(way, settings, worker)
        worker.crash()
        way.passes.set()
        names = {task.get_name() for task in asyncio.all_tasks()}
        await asyncio.sleep(0.1)
        assert "deliver-0" in names  # it was cut off amid a delivery
        assert "deliver-0" not in {task.get_name() for task in asyncio.all_tasks()}
    async with pipeline(settings, [0]):
        await exactly(ask, ROWS + ROWS // 2)


async def test_a_shard_that_recovers_meanwhile_makes_it_anew(
    few: tuple[Proxy, Settings], ask: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    way, settings = few
    real = Settler.finish
    broken: list[int] = []

    async def finish(self: Settler, intent: Intent, offset: int, batch: Batch, *, second: bool = False) -> Batch:
        delivered = await real(self, intent, offset, batch, second=second)
        if not broken:
            broken.append(intent.seq)
            raise SinkUnavailable("a part goes away when the rows are there")
        return delivered

    async with pipeline(settings, [0]) as worker:
        monkeypatch.setattr(Settler, "finish", finish)
        await begun(way, settings, worker)
        way.passes.set()
        await exactly(ask, ROWS + ROWS // 2)
        assert broken
        assert not worker.shards[0].problem


async def test_while_clickhouse_takes_nothing_no_batch_is_made(few: tuple[Proxy, Settings], ask: Answers) -> None:
    way, settings = few
    async with pipeline(settings, [0]) as worker:
        await state_of(worker, State.RUNNING)
        way.refuse()
        shard = worker.shards[0]
        await produce(settings, users(ROWS))

        async def is_held() -> bool:
            return shard.is_waiting

        async def is_full() -> bool:
            return shard.buffer.rows >= ROWS

        await eventually("the first batch is held", is_held)
        await produce(settings, users(ROWS, first=ROWS))
        await eventually("the next one is here", is_full)
        await asyncio.sleep(0.3)
        assert shard._ahead is None
        way.refuses = False
        await exactly(ask, 2 * ROWS)
