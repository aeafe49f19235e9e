"""The rules of the delivery, each with the failure that it closes."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.build import groupless, open_producer
from agents.gate import BLIND_SECONDS, LOOK_SECONDS, Gate
from agents.log import IntentLog
from agents.shard import State
from agents.shards import all_of, every, whole
from agents.suppress import Suppressed
from clickhouse.holds import Holds
from clickhouse.suppressions import Suppressions
from streams import intent as intents
from streams import metrics
from streams.batch import Chunk
from streams.cli.topics import create
from streams.errors import SinkUnavailable
from streams.settings import Settings
from tests.support.feed import TOPICS, pipeline, produce, state_of
from tests.support.proxy import Proxy
from tests.support.stack import fresh_broker
from tests.support.store import Answers, exactly, short, shorten_age
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow


def test_r1_a_shard_runs_only_where_all_its_topics_are() -> None:
    topics = frozenset({"a", "b"})
    assert whole([("a", 0), ("b", 0), ("a", 1), ("b", 2), ("c", 1)], topics) == ({0}, {1, 2})


async def test_r2_r3_what_is_lost_between_fetch_and_shard_is_fetched_again(ready: Settings, ask: Answers) -> None:
    lost: list[Chunk] = []

    def lose_some(chunk: Chunk) -> bool:
        if len(lost) < 12 and chunk.records[0].offset % 3 != 0:
            lost.append(chunk)
            return True
        return False

    async with pipeline(ready) as worker:
        worker.feed.lose = lose_some
        for first in range(0, 400, 40):
            await produce(ready, mixed(40, first))
            await asyncio.sleep(0.1)
        await exactly(ask, 400)
    assert len(lost) == 12


def given_up(times: int, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, of which the first calls end as those of a library that lets a cancellation of its own out."""
    left = [times]

    async def call(*args: Any, **given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone
        return await method(*args, **given)

    return call


async def test_a_cancellation_that_a_library_lets_out_does_not_end_a_shard(
    ready: Settings, ask: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = ready.model_copy(update={"retry_first_seconds": 0.05})
    held = metrics.HELD.labels("shard")._value
    before = held.get()
    monkeypatch.setattr(AIOKafkaConsumer, "beginning_offsets", given_up(3, AIOKafkaConsumer.beginning_offsets))
    await produce(quick, mixed(20, partitions=1))
    async with pipeline(quick, [0]) as worker:
        await exactly(ask, 20)  # the recovery was let out of three times
        monkeypatch.setattr(AIOKafkaProducer, "send_and_wait", given_up(1, AIOKafkaProducer.send_and_wait))
        await produce(quick, mixed(20, first=20, partitions=1))
        await exactly(ask, 40)  # and one append
        assert held.get() == before + 4
        tasks = [shard._task for shard in worker.shards.values()]
        worker.crash()
        await asyncio.wait([task for task in tasks if task is not None], timeout=5)
        assert all(task is not None and task.cancelled() for task in tasks)  # these were meant


async def test_a_shard_that_is_cut_off_ends_whatever_it_was_about_to_do(ready: Settings) -> None:
    async with pipeline(ready, [0]) as worker:
        for ticks in range(5):
            await worker.running.shards.assign((topic, 0) for topic in TOPICS)
            await state_of(worker, State.RUNNING)
            shard = worker.shards[0]
            task = shard._task
            assert task is not None
            shard._wake.set()
            for _ in range(ticks):
                await asyncio.sleep(0)
            worker.crash()
            ended, _ = await asyncio.wait([task], timeout=20)
            assert ended
            assert task.cancelled()


async def test_a_cancellation_that_a_library_lets_out_does_not_end_a_watch() -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    watch = asyncio.create_task(every(0.001, given_up(1, look), "looks"))

    async def looked() -> bool:
        return looks > 1

    await eventually("looks", looked, 5)
    watch.cancel()
    await asyncio.wait([watch])
    assert watch.cancelled()


async def test_a_watch_goes_on_after_what_should_never_happen() -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ZeroDivisionError("a bug")

    watch = asyncio.create_task(every(0.001, look, "looks"))

    async def looked() -> bool:
        return looks > 2

    await eventually("looks", looked, 5)
    watch.cancel()
    await asyncio.wait([watch])
    assert watch.cancelled()


async def test_all_of_it_is_done_before_anything_is_raised() -> None:
    done = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        if number == 1:
            raise SinkUnavailable("one part is away")
        done.append(number)

    with pytest.raises(SinkUnavailable, match="one part is away"):
        await all_of(work(number) for number in range(4))
    assert done == [0, 2, 3]


async def test_a_shard_that_is_still_being_let_go_is_not_started(ready: Settings) -> None:
    """Cut off, it may take its time; what it clears at the end would be its next life's."""
    ends = asyncio.Event()

    async def stubborn() -> None:
        while not ends.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await ends.wait()

    async with pipeline(ready, [0]) as worker:
        await state_of(worker, State.RUNNING)
        shards, shard = worker.running.shards, worker.shards[0]
        task, shard._task = shard._task, asyncio.create_task(stubborn())
        assert task is not None
        task.cancel()
        try:
            await shards.revoke(0)
            await shards.assign((topic, 0) for topic in TOPICS)
            assert worker.shards == {}
        finally:
            ends.set()

        async def started() -> bool:
            return 0 in worker.shards and worker.shards[0] is not shard

        await eventually("the shard to be started", started)
        await state_of(worker, State.RUNNING)


async def test_r4_a_log_that_was_cut_stops_the_shard(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(20, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 20)
    other = ready.model_copy(update={"kafka_intents_topic": "intents-anew", "kafka_forgets": False})
    await create(other)
    async with pipeline(other, [0]) as worker:
        await state_of(worker, State.STOPPED)
        assert "millrace intents repair" in worker.shards[0].problem
    await exactly(ask, 20)


async def test_r4_the_embedded_broker_may_forget_everything(ready: Settings, ask: Answers, settings: Settings) -> None:
    await produce(ready, mixed(40, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 40)
    with fresh_broker(ready.millrace_home) as servers:
        forgetful = ready.model_copy(update={"kafka_bootstrap_servers": servers, "kafka_forgets": True})
        await create(forgetful)
        await produce(forgetful, mixed(40, first=500, partitions=1))
        async with pipeline(forgetful.model_copy(update={"kafka_forgets": False}), [0]) as worker:
            await state_of(worker, State.STOPPED)
            assert worker.shards[0].problem.startswith("LogCut")
        async with pipeline(forgetful, [0]):
            await exactly(ask, 80)
    both = "SELECT chain, count() AS rows FROM (SELECT chain FROM events_raw UNION ALL SELECT chain FROM events)"
    assert await ask.rows(f"SELECT rows FROM ({both} GROUP BY chain)") == [(40,), (40,)]


async def test_r4_a_log_that_went_alone_is_not_taken_for_a_broker_that_forgot(ready: Settings, ask: Answers) -> None:
    """The topics still hold what was delivered: a new chain over them would write every row twice."""
    await produce(ready, mixed(20, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 20)
    other = ready.model_copy(update={"kafka_intents_topic": "intents-anew", "kafka_forgets": True})
    await create(other)
    await produce(ready, mixed(20, first=100, partitions=1))
    async with pipeline(other, [0]) as worker:
        await state_of(worker, State.STOPPED)
        assert worker.shards[0].problem.startswith("LogCut")
    await exactly(ask, 20)


async def test_r6_a_token_that_was_logged_without_its_rows_is_superseded(ready: Settings, ask: Answers) -> None:
    await shorten_age(ask, 3)
    quick = short(ready)
    await produce(quick, mixed(100, partitions=1))
    async with pipeline(quick, [0]) as worker:
        await exactly(ask, 100)
        worker.crash()
    last = await last_intent(quick)
    assert not last.is_empty
    # The engine keeps the token of a part that a DELETE has emptied: as after a kill between token and part.
    await ask.client.command("ALTER TABLE events_raw DELETE WHERE 1 SETTINGS mutations_sync = 2")
    for table in ("user_events", "booking_events", "payment_events", "trip_events", "route_events"):
        await ask.client.command(f"ALTER TABLE {table} DELETE WHERE 1 SETTINGS mutations_sync = 2")
    async with pipeline(quick, [0]):
        await exactly(ask, 100)
    assert await ask.one("SELECT min(intent) FROM events_raw") > last.seq


async def test_r7_a_row_that_clickhouse_refuses_becomes_a_dead_letter_alone(ready: Settings, ask: Answers) -> None:
    await shorten_age(ask, 3)
    await ask.client.command("ALTER TABLE events_raw ADD CONSTRAINT picky CHECK event_id != 'booking.created-5000'")
    topic, value = event("booking.created", 5000)
    await produce(ready, [*mixed(60, partitions=1), (topic, 0, value)])
    async with pipeline(short(ready), [0]):
        await exactly(ask, 60)
    assert await ask.rows("SELECT reason, event_type FROM dead_letters") == [("refused", "booking.created")]


async def test_r7_a_view_that_throws_stops_the_shard_and_is_completed_once_mended(
    ready: Settings, ask: Answers
) -> None:
    await shorten_age(ask, 3)
    await ask.client.command("CREATE TABLE trap (n UInt8) ENGINE = MergeTree ORDER BY n")
    await ask.client.command(
        "CREATE MATERIALIZED VIEW zz_trap_mv TO trap AS "
        "SELECT throwIf(event_id = 'booking.created-5000')::UInt8 AS n FROM events_raw"
    )
    topic, value = event("booking.created", 5000)
    await produce(ready, [*mixed(60, partitions=1), (topic, 0, value)])
    async with pipeline(short(ready), [0]) as worker:
        await state_of(worker, State.STOPPED)
        assert worker.shards[0].problem.startswith("ConfigurationError: a view of events_raw refuses rows that the")
        assert "zz_trap_mv" in worker.shards[0].problem
        assert "Mend or drop the view" in worker.shards[0].problem
    await ask.client.command("DROP TABLE zz_trap_mv")
    async with pipeline(short(ready), [0]):
        await exactly(ask, 61)
    assert await ask.count("dead_letters") == 0


async def test_r8_an_outage_longer_than_the_age_loses_and_doubles_nothing(
    line: tuple[Proxy, Settings], ask: Answers
) -> None:
    way, settings = line
    await shorten_age(ask, 3)
    async with pipeline(short(settings), [0]) as worker:
        await state_of(worker, State.RUNNING)
        way.swallows = 1
        await produce(settings, mixed(200, partitions=1))

        async def swallowed() -> bool:
            return way.swallowed == 1

        await eventually("an insert without an answer", swallowed)
        way.refuse()
        await asyncio.sleep(4.5)
        way.refuses = False
        # What follows is delivered only when the batch is settled.
        await produce(settings, mixed(10, first=200, partitions=1))
        await exactly(ask, 210)
    assert await ask.count("dead_letters") == 0


async def test_r8_a_batch_of_which_no_insert_is_ever_answered_is_counted_once_it_has_aged(
    line: tuple[Proxy, Settings], ask: Answers
) -> None:
    """A gateway cuts long uploads and lets reads pass. ClickHouse's refusal of the aged batch is lost too, so the
    worker's own look at the age is all that ends the retries.
    """
    way, settings = line
    await shorten_age(ask, 2)
    async with pipeline(short(settings, 2), [0]) as worker:
        await state_of(worker, State.RUNNING)
        way.swallows, way.inserts = 1_000, b"FORMAT+ArrowStream"
        await produce(settings, mixed(50, partitions=1))
        await exactly(ask, 50)
        # What follows is delivered only when the batch is settled.
        await produce(settings, mixed(10, first=50, partitions=1))
        await exactly(ask, 60)
        way.swallows = 0
    assert way.swallowed > 2


async def test_r9_a_batch_over_three_days_is_one_part_a_day(ready: Settings, ask: Answers) -> None:
    records = []
    for number in range(300):
        topic, value = event("user.registered", number, ago=86400.0 * (number % 3))
        records.append((topic, 0, value))
    await ask.client.command("SYSTEM STOP MERGES events_raw")
    await produce(ready, records)
    async with pipeline(ready, [0]):
        await exactly(ask, 300)
    parts = await ask.rows(
        "SELECT partition, count() FROM system.parts WHERE database = currentDatabase() AND table = 'events_raw' "
        "AND level = 0 GROUP BY partition"
    )
    batches = await ask.one("SELECT uniqExact(intent) FROM events_raw")
    assert len(parts) == 3
    assert all(count <= batches for _, count in parts)


async def test_r11_the_record_decides_what_a_second_delivery_writes(ready: Settings, ask: Answers) -> None:
    """Another version, to which these events are too old, delivers a batch of which nothing or all is there."""
    records = mixed(50, partitions=1, ago=2 * 86400)
    await produce(ready, records + records[:20])
    async with pipeline(ready, [0]) as worker:
        await exactly(ask, 50)
        worker.crash()
    strict = ready.model_copy(update={"metrics_cold_days": 1})
    async with pipeline(strict, [0], version="0.0.later"):
        await produce(ready, mixed(10, first=700, partitions=1))
        await exactly(ask, 60)
    assert await ask.rows("SELECT DISTINCT app_version FROM events_raw WHERE event_id LIKE '%-70_' ") == [
        ("0.0.later",)
    ]
    assert await ask.count("dead_letters") == 0


async def test_a_record_of_another_owner_is_followed(ready: Settings, ask: Answers) -> None:
    """Two workers believe to own the same shard: whoever appends first decides, nothing is doubled."""

    def followed() -> float:
        return metrics.REGISTRY.get_sample_value("millrace_void_intents_total") or 0.0

    before, sent = followed(), 0
    async with pipeline(ready, [0]) as one, pipeline(ready, [0]) as two:
        await state_of(one, State.RUNNING)
        await state_of(two, State.RUNNING)
        while sent < 200 or followed() < before + 2:
            assert sent < 10_000, f"{followed() - before} records of another owner were followed after {sent} events"
            await produce(ready, mixed(50, sent, partitions=1))
            sent += 50
            await asyncio.sleep(0.15)
        await exactly(ask, sent)


async def last_intent(settings: Settings) -> intents.Intent:
    """The newest valid record of shard 0."""
    producer = await open_producer(settings)
    log = IntentLog(settings.kafka_intents_topic, 0, producer, groupless(settings))
    await log.open()
    begin, end = await log.bounds()
    log.seek(begin)
    chain = intents.Chain()
    async for offset, value in log.read_to(end):
        chain.take(offset, value)
    await log.close()
    await producer.stop()
    assert chain.last is not None
    return chain.last


async def test_r10_a_hold_closes_the_shards_and_its_release_lets_them_go_on(ready: Settings, ask: Answers) -> None:
    holds = Holds(ask.client)
    await produce(ready, mixed(20))
    async with pipeline(ready) as worker:
        await exactly(ask, 20)
        await holds.place("test", "a table is rebuilt")
        (hold,) = await holds.active()

        async def closed() -> bool:
            return not worker.shards and await holds.closed_since(hold.at) == {0: True, 1: True}

        await eventually("all shards are closed", closed)
        await produce(ready, mixed(20, first=20))
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert await ask.count("events_raw") + await ask.count("events") == 20
        await holds.release("test")
        await exactly(ask, 40)


async def test_r10_a_worker_that_cannot_see_the_holds_sends_nothing(ready: Settings, ask: Answers) -> None:
    gate = Gate(Holds(ask.client), Suppressed(Suppressions(ask.client), None))
    with pytest.raises(SinkUnavailable, match="not read yet"):
        gate.check()
    await gate.look()
    gate.check()
    gate._seen_at -= BLIND_SECONDS + 1
    with pytest.raises(SinkUnavailable, match="has not told"):
        gate.check()
