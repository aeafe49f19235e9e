"""Where topics go on: decided from what is known, and with topics that lost their end or their beginning."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from hypothesis import given
from hypothesis import strategies as st

from agents.repair import chain
from agents.repair.ends import Known, Place, by_rows, place
from agents.repair.parts import opened
from agents.shard import State
from clickhouse.client import connect
from streams.batch import count_runs
from streams.cli import topics
from streams.errors import SourceCut
from streams.settings import Settings
from streams.topics import source_topics
from tests.support.feed import pipeline, produce
from tests.support.stack import fresh_broker
from tests.support.store import Answers, exactly
from tests.support.tables import migrated
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow

offsets = st.integers(0, 40)


@given(offsets, offsets, offsets, offsets, st.none() | offsets)
def test_a_place_lies_in_the_topic_and_passes_over_nothing_in_silence(
    done: int, more: int, begin: int, length: int, agreed: int | None
) -> None:
    end = begin + length
    known = Known(done, done + more, "")
    made = place(known, begin, end, agreed)
    assert begin <= made.start <= made.end
    if agreed is None and done <= end:
        assert made.start == done or (made.lost == (done, begin) and made.start == begin)
    if agreed is not None:
        assert made.start == max(begin, agreed)


def test_a_topic_without_rows_begins_at_its_beginning() -> None:
    assert place(None, 7, 9, None) == Place(7, 7, None, "nothing of it was delivered: at its beginning, 7")


def test_the_highest_of_what_is_known_holds() -> None:
    found = by_rows({"a": 5, "b": 5}, {"a": 9, "b": 5}, {"a": 7, "c": 3}, {"b": 6})
    assert {topic: (known.done, known.seen) for topic, known in found.items()} == {
        "a": (7, 9),
        "b": (6, 6),
        "c": (3, 3),
    }
    assert "the group committed at 7" in found["a"].why


async def copy_part(source: str, target: str, share: float) -> None:
    """The first records of shard 0, with their timestamps, to another broker."""
    consumer = AIOKafkaConsumer(bootstrap_servers=source, enable_auto_commit=False)
    producer = AIOKafkaProducer(bootstrap_servers=target)
    await consumer.start()
    await producer.start()
    try:
        tps = [TopicPartition(topic, 0) for topic in source_topics()]
        consumer.assign(tps)
        await consumer.seek_to_beginning()
        found: dict[TopicPartition, list[object]] = {}
        while page := await consumer.getmany(timeout_ms=500):
            for tp, records in page.items():
                found.setdefault(tp, []).extend(records)
        for tp, every in found.items():
            for record in every[: int(len(every) * share)]:
                await producer.send_and_wait(
                    tp.topic,
                    record.value,  # type: ignore[attr-defined]
                    partition=tp.partition,
                    timestamp_ms=record.timestamp,  # type: ignore[attr-defined]
                )
    finally:
        await consumer.stop()
        await producer.stop()


@pytest.mark.long
async def test_a_topic_that_lost_its_end_goes_on_where_it_differs(
    ready: Settings, ask: Answers, tmp_path: Path
) -> None:
    await produce(ready, mixed(80, partitions=1))
    async with pipeline(ready, [0]):
        await exactly(ask, 80)
    (tmp_path / "other").mkdir()
    with fresh_broker(tmp_path / "other") as servers:
        anew = ready.model_copy(update={"kafka_bootstrap_servers": servers, "kafka_forgets": False})
        await topics.create(anew)
        assert ready.kafka_bootstrap_servers is not None
        await copy_part(ready.kafka_bootstrap_servers, servers, 0.5)
        # Written on past the old end: only the records themselves tell.
        await produce(anew, mixed(120, first=1000, partitions=1))
        async with opened(anew) as parts:
            plan = await chain.plan(parts, 0)
            assert any("cut at" in made.why for made in plan.places.values())
            await chain.begin(parts, plan, "tests", False)
        async with pipeline(anew, [0]):
            await exactly(ask, 200)


@pytest.mark.long
@pytest.mark.kafka
async def test_records_that_are_gone_unread_are_counted_as_lost(kafka_settings: Settings) -> None:
    settings = kafka_settings.model_copy(update={"kafka_forgets": False, "windows_enabled": False})
    migrated(settings, rollups=False)
    await topics.create(settings)
    client = await connect(settings)
    try:
        ask = Answers(client)
        await produce(settings, [("rides.user", n % 2, event("user.registered", n)[1]) for n in range(40)])
        async with pipeline(settings):
            await exactly(ask, 40)
        await produce(settings, [("rides.user", n % 2, event("user.registered", n)[1]) for n in range(40, 60)])
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
        await admin.start()
        await admin.delete_records({TopicPartition("rides.user", n): RecordsToDelete(before_offset=23) for n in (0, 1)})
        await admin.close()
        async with pipeline(settings) as worker:

            async def stopped() -> bool:
                return all(shard.state is State.STOPPED for shard in worker.shards.values())

            await eventually("both shards stopped", stopped)
            assert all("--skip-lost" in shard.problem for shard in worker.shards.values())
        async with opened(settings) as parts:
            for shard in (0, 1):
                plan = await chain.plan(parts, shard)
                assert plan.lost == {"rides.user": (20, 23)}
                with pytest.raises(SourceCut, match="--skip-lost"):
                    await chain.begin(parts, plan, "tests", False)
                record, _ = await chain.begin(parts, plan, "tests", True)
                assert count_runs(record.verdict["rides.user"]["lost"]) == 3
        async with pipeline(settings):
            await exactly(ask, 54)
    finally:
        await client.close()
