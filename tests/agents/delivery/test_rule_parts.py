"""The parts of the rules one by one: what the others would mend, or hide, is kept away from each."""

import asyncio
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from agents.recover import Beginning, check_starts, first_record
from agents.shard import DOUBTFUL, State
from clickhouse.repair import Repairs
from streams import metrics
from streams.batch import Chunk
from streams.cli.topics import create
from streams.errors import SourceCut
from streams.intent import Chain
from streams.settings import Settings
from tests.faults.topics import create_anew
from tests.support.feed import TOPICS, pipeline, produce, state_of
from tests.support.store import FAMILIES, Answers, exactly, short, shorten_age
from tests.support.waiting import eventually
from tests.support.wire import event, mixed, users

pytestmark = pytest.mark.slow

AGE = 3
"""Seconds after which a batch has aged, where that is wanted."""
Wire = list[tuple[str, int, bytes | None]]


async def test_r1_a_shard_that_is_not_whole_is_not_started(ready: Settings) -> None:
    async with pipeline(ready, [0]) as worker:
        shards = worker.running.shards
        await shards.assign([*((topic, 0) for topic in TOPICS), ("rides.user", 1)])
        await shards.look_once()
        assert (set(shards.running), shards.partial) == ({0}, {1})


@pytest.mark.parametrize("audited", [False, True], ids=["r2 a chunk follows", "r3 nothing follows"])
async def test_r2_r3_a_chunk_that_got_lost_is_fetched_again(ready: Settings, ask: Answers, audited: bool) -> None:
    """R2 sees the gap before the next chunk; on a quiet topic there is none, and only R3 sees it."""
    lost: list[Chunk] = []

    def lose_first(chunk: Chunk) -> bool:
        if lost:
            return False
        lost.append(chunk)
        return True

    async def is_lost() -> bool:
        return bool(lost)

    async with pipeline(ready.model_copy(update={"audit_seconds": 0.3 if audited else 600}), [0]) as worker:
        await state_of(worker, State.RUNNING)
        worker.feed.lose = lose_first
        await produce(ready, users(20))
        await eventually("a lost chunk", is_lost)
        if not audited:
            await produce(ready, users(20, first=20))
        await exactly(ask, 20 if audited else 40)


def test_r2_records_that_are_not_there_are_not_passed_over() -> None:
    chain = Chain(first_record({"a": (7, 7)}, None, Beginning("earliest", False, "")), 0)
    check_starts(0, chain, {"a": (7, 7)})
    check_starts(0, chain, {"a": (0, 9)})
    with pytest.raises(SourceCut, match=r"a starts at 8, but records from 7 on .* --skip-lost"):
        check_starts(0, chain, {"a": (8, 9)})
    with pytest.raises(SourceCut, match="a ends at 6, but records up to 7"):
        check_starts(0, chain, {"a": (0, 6)})


async def test_a_worker_that_stops_amid_an_assignment_starts_no_shard(ready: Settings) -> None:
    async with pipeline(ready, [0]) as worker:
        shards = worker.running.shards
        await shards.stop(10)
        for client in worker.running.clients:
            await client.close()
        await shards.assign((topic, 0) for topic in TOPICS)
        assert shards.running == {}


async def test_r2_a_topic_that_is_created_anew_under_a_running_shard_stops_it(ready: Settings, ask: Answers) -> None:
    async with pipeline(ready, [0]) as worker:
        await produce(ready, users(20))
        await exactly(ask, 20)
        shard = worker.shards[0]
        # What is only sought in vain for a while is no reason to stop.
        for _ in range(2 * DOUBTFUL):
            shard.audit({"rides.user": 0})
        await produce(ready, users(5, first=20))
        await exactly(ask, 25)
        assert shard.state is State.RUNNING
        worker.tasks[0].cancel()
        await create_anew(ready, ["rides.user"])
        # The group's consumer begins at the beginning of what it finds, each time that it is sought back.
        for _ in range(2 * DOUBTFUL):
            shard.audit({"rides.user": 0})
        await state_of(worker, State.STOPPED)
        assert "rides.user ends at 0, but records up to 25 were taken" in shard.problem


async def test_r4_another_record_at_the_place_of_the_witness_stops_the_shard(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(50, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 50)
    other = ready.model_copy(update={"kafka_intents_topic": "intents-anew", "kafka_forgets": False})
    await create(other)
    stray = first_record(dict.fromkeys(TOPICS, (0, 0)), None, Beginning("earliest", False, "")).encode()
    for _ in range(10):  # one by one: the embedded broker counts a batch of records as one
        await produce(other, [("intents-anew", 0, stray)])
    async with pipeline(other, [0]) as worker:
        await state_of(worker, State.STOPPED)
        assert worker.shards[0].problem.startswith("LogCut")
    await exactly(ask, 50)


async def test_r4_a_log_that_is_cut_under_a_running_shard_stops_it(ready: Settings, ask: Answers) -> None:
    async with pipeline(ready, [0]) as worker:
        await produce(ready, users(20))
        await exactly(ask, 20)
        admin = AIOKafkaAdminClient(bootstrap_servers=ready.kafka_bootstrap_servers)
        await admin.start()
        await admin.delete_topics([ready.kafka_intents_topic])
        await admin.close()
        await create(ready)
        await produce(ready, users(20, first=20))
        await state_of(worker, State.STOPPED)
        assert worker.shards[0].problem.startswith("LogCut")
    await exactly(ask, 20)


async def test_r5_a_closed_shard_repeats_its_empty_record(ready: Settings, ask: Answers) -> None:
    """So that a log whose records expire always holds the one that the witness names."""
    often = ready.model_copy(update={"shard_idle_close_seconds": 0.2, "shard_closed_repeat_seconds": 0.2})
    async with pipeline(often, [0]) as worker:
        await produce(often, users(5))
        await exactly(ask, 5)
        await state_of(worker, State.CLOSED)
        closed = worker.shards[0].proposer.last.seq

        async def repeated() -> bool:
            return bool(await ask.one("SELECT max(intent) FROM delivered WHERE shard = 0") > closed + 1)

        await eventually("an empty record, repeated and witnessed", repeated)
        await produce(often, users(5, first=5))
        await exactly(ask, 10)


async def test_r6_rows_above_the_record_stop_the_shard(ready: Settings, ask: Answers) -> None:
    await produce(ready, users(20))
    async with pipeline(ready, [0]) as worker:
        await exactly(ask, 20)
        worker.crash()
    await ask.client.command("INSERT INTO events_raw SELECT * FROM events_raw LIMIT 1", settings={"async_insert": 0})
    async with pipeline(ready, [0]) as worker:
        await state_of(worker, State.STOPPED)
        assert worker.shards[0].problem.startswith("InvariantBroken")
        broken = metrics.REGISTRY.get_sample_value(
            "millrace_invariants_broken_total", {"invariant": "rows_above_intent"}
        )
        assert broken


async def torn(ready: Settings, ask: Answers) -> Settings:
    """Settings under which the last batch, which was delivered in part, soon ages.

    Some raw rows are missing with their row in the family, and of others the family row alone.
    """
    await produce(ready, users(40))
    async with pipeline(ready, [0]) as worker:  # which has all the time that it needs
        await exactly(ask, 40)
        worker.crash()
    await shorten_age(ask, AGE)
    await ask.client.command("ALTER TABLE events_raw DELETE WHERE offset % 4 = 0 SETTINGS mutations_sync = 2")
    await ask.client.command("ALTER TABLE user_events DELETE WHERE offset % 2 = 0 SETTINGS mutations_sync = 2")
    return short(ready, AGE)


async def superseded_once(quick: Settings, ask: Answers) -> None:
    """The next owner completes rows and views under one more record."""
    async with pipeline(quick, [0]):
        await exactly(ask, 40)
    assert await ask.one("SELECT uniqExact(intent) FROM events_raw") == 2
    assert await ask.one("SELECT count() FROM repairs FINAL WHERE done = 0") == 0


async def test_r8_a_superseding_record_names_what_is_missing_and_completes_the_views(
    ready: Settings, ask: Answers
) -> None:
    quick = await torn(ready, ask)
    aged = f"SELECT max(ingested_at) + INTERVAL {AGE * 1000 + 500} MILLISECOND < now64(3) FROM events_raw"

    async def has_aged() -> bool:
        return bool(await ask.one(aged))

    await eventually("the batch has aged", has_aged)
    await superseded_once(quick, ask)


async def test_r8_views_that_take_longer_than_the_age_do_not_age_what_supersedes(
    ready: Settings, ask: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one superseding record would follow the other for as long as the views take so long."""
    quick = await torn(ready, ask)
    complete = Repairs.run

    async def slowly(self: Repairs, shard: int) -> int:
        """As over a day of many rows."""
        done = await complete(self, shard)
        await asyncio.sleep(AGE + 1 if done else 0)
        return done

    monkeypatch.setattr(Repairs, "run", slowly)
    await superseded_once(quick, ask)


async def test_r8_an_insert_that_still_runs_is_waited_for(ready: Settings, ask: Answers) -> None:
    """Its block has passed `fresh` and is not in the table yet when age and settling time have passed."""
    await shorten_age(ask, 2)
    for name in ("slow", "slower"):  # sleeps after `fresh`; ClickHouse allows each three seconds a block
        await ask.client.command(f"ALTER TABLE events_raw ADD CONSTRAINT {name} CHECK sleepEachRow(0.13) = 0")
    quick = short(ready, 2)
    running = "SELECT count() FROM system.processes WHERE query_id LIKE '%/events_raw'"

    async def runs() -> bool:
        return bool(await ask.one(running))

    await produce(quick, users(20))
    async with pipeline(quick, [0]) as worker:
        await eventually("the insert runs", runs)
        worker.crash()
    assert await ask.count("events_raw") == 0
    async with pipeline(quick, [0]):
        await exactly(ask, 20)
    assert await ask.one("SELECT uniqExact(intent) FROM events_raw") == 1


async def test_r8_a_batch_over_many_days_makes_the_next_one_wait(ready: Settings, ask: Answers) -> None:
    # 2 shards x (300 + 60 + 15,000) s / 30,000 parts: about a second a part.
    slow = ready.model_copy(update={"clickhouse_timeout_seconds": 15_000})
    async with pipeline(slow, [0]) as worker:
        await state_of(worker, State.RUNNING)
        await produce(slow, [*users(1), *users(1, first=1, ago=86400.0)])
        await exactly(ask, 2)
        await produce(slow, users(1, first=2))
        await exactly(ask, 3)
    [(first, second)] = await ask.rows(
        "SELECT toUnixTimestamp64Milli(min(ingested_at)), toUnixTimestamp64Milli(max(ingested_at)) FROM events_raw"
    )
    assert second - first >= 2000


async def test_r10_a_shard_that_cannot_see_the_holds_waits(ready: Settings, ask: Answers) -> None:
    async with pipeline(ready, [0]) as worker:
        await state_of(worker, State.RUNNING)
        shards = worker.running.shards
        for task in shards._tasks:
            task.cancel()
        shards.around.gate._seen_at = time.monotonic() - 3600
        await produce(ready, users(20))
        await state_of(worker, State.WAITING)
        assert await ask.count("events_raw") == 0
        await shards.look_once()
        worker.tasks += shards._tasks
        shards.start()
        await exactly(ask, 20)


async def test_r11_the_rate_and_the_verdict_of_the_record_hold(ready: Settings, ask: Answers) -> None:
    """The second worker would leave every location out, and accept what the first one refused."""
    strict = ready.model_copy(update={"skew_seconds": 1.0, "location_sample_rate": 1.0})
    pings = [event("driver.location.updated", number) for number in range(30)]
    early = event("driver.location.updated", 30, ago=-60.0)
    await produce(ready, [(topic, 0, value) for topic, value in [*pings, early]])
    async with pipeline(strict, [0]) as worker:
        await exactly(ask, 30)
        await eventually("a dead letter", lambda: _one_dead(ask))
        worker.crash()
    # As after a kill before the insert: nothing of the batch is there, and no token of it is known.
    for table in ("events_raw", *FAMILIES, "dead_letters"):
        await ask.client.command(f"TRUNCATE TABLE {table}")
    other = ready.model_copy(update={"location_sample_rate": 0.01})
    async with pipeline(other, [0]):
        await exactly(ask, 30)
        assert await _one_dead(ask)


async def test_r11_another_version_completes_a_batch_under_a_record_of_its_own(ready: Settings, ask: Answers) -> None:
    """What it would render need not be the same rows, so it may not use the token: it waits, counts and supersedes."""
    await shorten_age(ask, 3)
    quick = short(ready, 3)
    await produce(quick, users(40))
    async with pipeline(quick, [0]) as worker:
        await exactly(ask, 40)
        worker.crash()
    # Half of the rows is there and the token is not known: under it all of them would come.
    await ask.client.command("CREATE TABLE half ENGINE = Memory AS SELECT * FROM events_raw WHERE offset % 2")
    for table in ("events_raw", "user_events"):
        await ask.client.command(f"TRUNCATE TABLE {table}")
    await ask.client.command("INSERT INTO events_raw SELECT * FROM half", settings={"async_insert": 0})
    async with pipeline(quick, [0], version="0.0.later"):
        await exactly(ask, 40)
    assert await ask.rows("SELECT app_version, count() FROM events_raw GROUP BY app_version ORDER BY 1") == [
        ("0.0.later", 20),
        (await ask.one("SELECT min(app_version) FROM events_raw WHERE offset % 2"), 20),
    ]


async def test_r12_a_batch_that_is_delivered_again_is_remembered(ready: Settings, ask: Answers) -> None:
    """The memory is rebuilt from the rows below the last batch; what that batch accepts is entered with it."""
    await produce(ready, users(20))
    async with pipeline(ready, [0]):
        await exactly(ask, 20)
    async with pipeline(ready, [0]) as worker:
        await produce(ready, users(20, first=20))
        await exactly(ask, 40)
        worker.crash()
    async with pipeline(ready, [0]):
        await produce(ready, [*users(40), *users(1, first=40)])
        await exactly(ask, 41)


async def _one_dead(ask: Answers) -> bool:
    return await ask.count("dead_letters") == 1


async def test_a_stop_waits_for_shards_that_are_being_let_go(ready: Settings) -> None:
    """A worker is stopped amid a rebalance, as in every rolling restart."""
    async with pipeline(ready, [0]) as worker:
        await state_of(worker, State.RUNNING)
        shards, shard = worker.running.shards, worker.shards[0]
        rebalance = asyncio.create_task(shards.revoke(5))
        await asyncio.sleep(0)
        assert worker.shards == {}
        await shards.revoke(5)
        assert shard.state is State.HELD
        await rebalance
