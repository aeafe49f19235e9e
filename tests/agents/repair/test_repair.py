"""After a repair a shard that refused goes on, and every event has one row: on a real broker and ClickHouse."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from agents import audit
from agents.build import groupless
from agents.repair import chain
from agents.repair.chain import Plan
from agents.repair.parts import opened
from agents.shard import State
from clickhouse.client import connect
from clickhouse.witness import Witness
from streams import intent as intents
from streams.cli import topics
from streams.intent import Intent
from streams.settings import Settings
from tests.support.feed import Pipeline, pipeline, produce
from tests.support.stack import fresh_broker
from tests.support.store import FAMILIES, Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import mixed

pytestmark = pytest.mark.slow


async def cut(settings: Settings) -> Settings:
    """Settings under which the log of intents is another, empty topic."""
    other = settings.model_copy(update={"kafka_intents_topic": "intents-anew", "kafka_forgets": False})
    await topics.create(other)
    return other


async def stopped(worker: Pipeline, what: str) -> None:
    """Wait until every shard has stopped, and says this error."""

    async def all_stopped() -> bool:
        return all(shard.state is State.STOPPED for shard in worker.shards.values())

    await eventually("all shards stopped", all_stopped)
    assert all(what in shard.problem for shard in worker.shards.values())


async def repair(settings: Settings, *, skip_lost: bool = False, shards: Iterable[int] = (0, 1)) -> list[Plan]:
    """Plan and carry out, as the command does when nobody can write any more."""
    async with opened(settings) as parts:
        plans = [await chain.plan(parts, number) for number in shards]
        for plan in plans:
            if plan.is_needed:
                await chain.begin(parts, plan, "tests", skip_lost)
        assert not any([(await chain.plan(parts, number)).is_needed for number in shards])
    return plans


async def last_record(settings: Settings, shard: int) -> Intent:
    client = await connect(settings)
    try:
        seen = await Witness(client).highest(shard)
    finally:
        await client.close()
    log = await audit.read(settings.kafka_intents_topic, shard, groupless(settings), seen, valid=5)
    assert log.last is not None
    assert log.last.intent is not None
    return log.last.intent


@pytest.mark.long
async def test_a_shard_whose_log_was_recreated_goes_on_and_doubles_nothing(ready: Settings, ask: Answers) -> None:
    records = mixed(100)
    bad = [("rides.booking", 0, b"bad"), ("rides.user", 1, b"bad")]
    await produce(ready, [*records, *bad])
    async with pipeline(ready):
        await exactly(ask, 100)
    # Read before the repair or after it, a repeated event is a duplicate.
    anew = await cut(ready)
    await produce(ready, [*mixed(40, first=100), *records[:30], *records[80:]])
    async with pipeline(anew) as worker:
        await stopped(worker, "LogCut")
    plans = await repair(anew)
    assert all("does not hold there" in plan.found for plan in plans)
    assert not any(plan.record.rows for plan in plans if plan.record is not None)
    async with pipeline(anew):
        await exactly(ask, 140)
        await produce(ready, mixed(20, first=500))
        await exactly(ask, 160)
    assert await ask.count("dead_letters") == 2
    assert await ask.count("chain_repairs") == 2
    # And once more, from a chain that a repair began and in which most topics saw nothing.
    again = anew.model_copy(update={"kafka_intents_topic": "intents-once-more"})
    await topics.create(again)
    await repair(again)
    async with pipeline(again):
        await produce(ready, mixed(10, first=600))
        await exactly(ask, 170)
    assert await ask.count("dead_letters") == 2


@pytest.mark.parametrize(
    "torn", ["events_raw", *(pytest.param(table, marks=pytest.mark.faults) for table in ("events", "dead_letters"))]
)
async def test_a_last_batch_that_was_delivered_in_part_is_completed(ready: Settings, ask: Answers, torn: str) -> None:
    await produce(ready, mixed(40, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 40)
    bad: list[tuple[str, int, bytes | None]] = [
        (topic, 0, b"bad") for topic in ["rides.booking", "ticketing.sales"] * 4
    ]
    # Every type before and after the bad ones: of each topic something then stands above what is torn.
    records = [*mixed(35, 40, partitions=1), *bad, *mixed(35, 75, partitions=1)]
    async with pipeline(ready, [0]) as worker:
        await produce(ready, records)
        await exactly(ask, 110)
        await eventually("dead letters", lambda: _is(ask, "dead_letters", 8))
        worker.crash()
    # As if the worker had gone before this table's insert.
    of_last = f"shard = 0 AND intent = {(await last_record(ready, 0)).seq}"
    families = FAMILIES if torn == "events_raw" else ("page_views", "ticket_sales") if torn == "events" else ()
    for table in families:
        await ask.client.command(
            f"ALTER TABLE {table} DELETE WHERE (topic, shard, offset) IN (SELECT topic, shard, offset FROM {torn} "
            f"WHERE {of_last}) SETTINGS mutations_sync = 2"
        )
    await ask.client.command(f"ALTER TABLE {torn} DELETE WHERE {of_last} SETTINGS mutations_sync = 2")
    anew = await cut(ready)
    [plan] = await repair(anew, shards=[0])
    assert plan.record is not None
    assert set(plan.record.rows) == {torn}
    async with pipeline(anew, [0]):
        await exactly(ask, 110)
        await eventually("dead letters", lambda: _is(ask, "dead_letters", 8))
        await produce(ready, mixed(20, first=300, partitions=1))
        await exactly(ask, 130)
    assert await ask.one("SELECT count() - uniqExact(topic, partition, offset) FROM dead_letters") == 0


@pytest.mark.long
async def test_a_record_left_of_a_cut_log_is_delivered_by_the_new_chain(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(40, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 40)
    await produce(ready, mixed(30, first=40, partitions=1))
    anew = await cut(ready)
    async with opened(anew) as parts:
        last = await last_record(ready, 0)
        ends = {topic: end for topic, (_, end) in (await parts.source(0).bounds()).items()}
        log = parts.log(0)
        await log.open()
        # Proposed and never delivered; its rows and verdict are those of a batch of valid events.
        proposed = Intent(
            chain=last.chain,
            seq=last.seq + 1,
            previous=last.nonce,
            nonce=intents.nonce(),
            ranges={topic: (at, ends[topic]) for topic, at in last.ends.items()},
            rows={"events_raw": 1},
        )
        await log.append(proposed.encode())
        await log.close()
    [plan] = await repair(anew, shards=[0])
    assert plan.record is not None
    assert sum(plan.record.rows.values()) == 30
    async with pipeline(anew, [0]):
        await exactly(ask, 70)


@pytest.mark.long
async def test_topics_that_were_recreated_begin_at_their_beginning(
    ready: Settings, ask: Answers, tmp_path: Path
) -> None:
    await produce(ready, mixed(40, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 40)
    (tmp_path / "other").mkdir()
    with fresh_broker(tmp_path / "other") as servers:
        anew = ready.model_copy(update={"kafka_bootstrap_servers": servers, "kafka_forgets": False})
        await topics.create(anew)
        # More than there was, so that offsets alone tell nothing.
        await produce(anew, mixed(120, first=1000, partitions=1))
        async with pipeline(anew, [0]) as worker:
            await stopped(worker, "LogCut")
        [plan] = await repair(anew, shards=[0])
        assert all("re-created" in place.why for place in plan.places.values() if "nothing" not in place.why)
        async with pipeline(anew, [0]):
            await exactly(ask, 160)


@pytest.mark.long
async def test_a_repair_that_died_after_its_record_is_finished(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(40, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 40)
    anew = await cut(ready)
    async with opened(anew) as parts:
        plan = await chain.plan(parts, 0)
        assert plan.record is not None
        await chain._append(parts, plan, plan.record)
        second = await chain.plan(parts, 0)
        assert second.standing == (plan.record, 0)
    await repair(anew, shards=[0])
    async with pipeline(anew, [0]):
        await produce(ready, mixed(20, first=200, partitions=1))
        await exactly(ask, 60)


@pytest.mark.long
async def test_two_repairs_begin_one_chain(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(20, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 20)
    anew = await cut(ready)
    async with opened(anew) as parts:
        plans = await asyncio.gather(chain.plan(parts, 0), chain.plan(parts, 0))
        done = await asyncio.gather(
            *(chain.begin(parts, plan, "tests", False) for plan in plans), return_exceptions=True
        )
    assert sum(isinstance(each, BaseException) for each in done) == 1


async def test_a_whole_log_is_left_alone(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(20))
    async with pipeline(ready):
        await exactly(ask, 20)
    plans = await repair(ready)
    assert [plan.found for plan in plans] == ["the log is whole; nothing to repair"] * 2
    assert await ask.count("chain_repairs") == 0


async def _is(ask: Answers, table: str, count: int) -> bool:
    return await ask.count(table) == count
