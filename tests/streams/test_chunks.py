"""What the delivery rests on in the pinned Faust: chunks with positions, changelogs as ever, seeks both ways."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.types import TP

from streams.batch import Chunk
from streams.chunks import App, Chunks, Consumer, ConsumerThread, GroupConsumer, RawSchema
from streams.settings import Settings
from tests.support import batches
from tests.support.waiting import eventually

SOURCE = "contract.source"
PARTITIONS = 2
LIMIT = 200


class Contract:
    """A Faust app whose agent collects chunks, as the worker's does, and counts words in a table if wanted."""

    def __init__(self, settings: Settings, home: Path, counts: bool, tables: bool) -> None:
        self.chunks: list[Chunk] = []
        self.app: Any = App(
            settings.kafka_group,
            version=1,
            broker=f"aiokafka://{settings.kafka_bootstrap_servers}",
            store="memory://",
            datadir=home,
            ConsumerScheduler=Chunks,
            topic_disable_leader=True,
            stream_wait_empty=False,
            stream_buffer_maxsize=1,
            broker_max_poll_records=LIMIT,
            consumer_auto_offset_reset="earliest",
            broker_session_timeout=6,
            broker_heartbeat_interval=1,
            broker_rebalance_timeout=2,
            web_enabled=False,
        )
        self.group = GroupConsumer(self.app, frozenset({SOURCE}))
        if tables:
            self.table: Any = self.app.Table("words", default=int, partitions=PARTITIONS)

        async def collect(fetches: AsyncIterable[Sequence[Chunk]]) -> None:
            async for chunks in fetches:
                for chunk in chunks if counts else ():
                    for record in chunk.records:
                        self.table[f"{chunk.partition}/{(record.value or b'').decode()}"] += 1
                self.chunks += chunks

        self.app.agent(self.app.topic(SOURCE, schema=RawSchema(), acks=False), name="collect")(collect)

    def of(self, partition: int) -> list[Chunk]:
        """The chunks of one partition, as they came."""
        return [chunk for chunk in self.chunks if chunk.partition == partition]

    async def taken(self, records: int) -> None:
        """Wait for so many records in all."""

        async def there() -> bool:
            return sum(len(chunk.records) for chunk in self.chunks) >= records

        await eventually(f"{records} records", there, 40)


@asynccontextmanager
async def running(settings: Settings, home: Path, counts: bool = False, tables: bool = True) -> AsyncIterator[Contract]:
    """A started app."""
    made = Contract(settings, home, counts, tables)
    made.app.finalize()
    await made.app.start()
    try:
        yield made
    finally:
        await made.app.stop()


async def create_topic(settings: Settings) -> None:
    """The source, on two partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(SOURCE, PARTITIONS, 1)])
    await admin.close()


@pytest.fixture
async def source(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a broker with the source topic, of which chunks are made."""
    monkeypatch.setattr(ConsumerThread, "source_topics", frozenset({SOURCE}))
    await create_topic(settings)
    return settings


@pytest.fixture
async def source_on_kafka(kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The same on Apache Kafka."""
    monkeypatch.setattr(ConsumerThread, "source_topics", frozenset({SOURCE}))
    await create_topic(kafka_settings)
    return kafka_settings


async def send(settings: Settings, first: int, count: int) -> None:
    """Send records `first` and following, by turns to both partitions."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for number in range(first, first + count):
            await producer.send(SOURCE, b"%d" % (number % 7), partition=number % PARTITIONS)


def check_contiguous(chunks: list[Chunk]) -> list[int]:
    """Each chunk starts where the last one ended, and has only records in between; all their offsets."""
    assert chunks[0].start == 0
    for before, after in itertools.pairwise(chunks):
        assert after.start == before.end
    for chunk in chunks:
        assert chunk.start < chunk.end
        assert len(chunk.records) <= LIMIT
        assert all(chunk.start <= record.offset < chunk.end for record in chunk.records)
    return [record.offset for chunk in chunks for record in chunk.records]


def test_the_contract_is_that_of_this_version() -> None:
    """Another version may keep to it too: run this file with it, then change the pin and this line."""
    assert version("faust-streaming") == "0.15.3"


def test_what_was_fetched_together_is_one_message_for_each_shard() -> None:
    here, there = (Chunk(topic, 0, 0, 1, []) for topic in ("a", "b"))
    other = Chunk("a", 1, 0, 1, [])
    single = object()
    fetched = {TP("a", 0): here, TP("a", 1): other, TP("log", 0): [single], TP("b", 0): there}
    told = [(tp, getattr(record, "value", record)) for tp, record in Chunks().iterate(fetched)]
    assert told == [(TP("a", 0), [here, there]), (TP("a", 1), [other]), (TP("log", 0), single)]


async def test_chunks_follow_each_other_without_a_gap(source: Settings, tmp_path: Path) -> None:
    await send(source, 0, 1500)
    async with running(source, tmp_path) as contract:
        for first in range(1500, 3000, 500):
            await send(source, first, 500)
        await contract.taken(3000)
        for partition in range(PARTITIONS):
            assert check_contiguous(contract.of(partition)) == list(range(1500))
        assert max(len(chunk.records) for chunk in contract.chunks) > 50
        positions = await contract.group.positions(range(PARTITIONS))
        assert positions == {partition: {SOURCE: 1500} for partition in range(PARTITIONS)}


async def test_a_seek_brings_chunks_again_and_faust_drops_none(source: Settings, tmp_path: Path) -> None:
    """Faust ignores messages below the last offset that it saw; a chunk's own number only grows."""
    await send(source, 0, 1000)
    async with running(source, tmp_path) as contract:
        await contract.taken(1000)
        for back in (0, 250):
            contract.chunks.clear()
            await contract.group.reposition(1, {SOURCE: back})
            await contract.taken(500 - back)
            again = contract.of(1)
            assert again[0].start == back
            assert [r.offset for chunk in again for r in chunk.records] == list(range(back, 500))
            assert contract.of(0) == []


@pytest.mark.kafka
async def test_r1_the_group_shares_partitions_by_range(source_on_kafka: Settings, tmp_path: Path) -> None:
    """Without tables, as the worker is: by any other rule partition n of two topics may go to two members."""
    await send(source_on_kafka, 0, 100)
    async with running(source_on_kafka, tmp_path, tables=False) as contract:
        await contract.taken(100)
        admin = AIOKafkaAdminClient(bootstrap_servers=source_on_kafka.kafka_bootstrap_servers)
        await admin.start()
        [answer] = await admin.describe_consumer_groups([source_on_kafka.kafka_group])
        await admin.close()
        [(_, _, state, _, protocol, _, *_)] = answer.groups
        assert (state, protocol) == ("Stable", "range")


async def test_what_was_fetched_arrives_though_it_is_paused_meanwhile(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust leaves out what is paused by the time it looks, which would be all topics of a shard for the first one."""
    await send(source, 0, 100)
    fetch = Consumer._getmany
    async with running(source, tmp_path) as contract:

        async def then_paused(consumer: Consumer, *given: Any, **named: Any) -> Any:
            fetched = await fetch(consumer, *given, **named)
            contract.group.pause(0)
            return fetched

        monkeypatch.setattr(Consumer, "_getmany", then_paused)
        await contract.taken(100)
        assert check_contiguous(contract.of(0)) == list(range(50))


async def test_a_paused_shard_gets_nothing_until_it_is_resumed(source: Settings, tmp_path: Path) -> None:
    async with running(source, tmp_path) as contract:
        await send(source, 0, 100)
        await contract.taken(100)

        async def told() -> bool:
            return contract.group.told(0, 60) == contract.group.told(1, 60) == {SOURCE: 50}

        await eventually("fetches to tell both ends", told)
        contract.group.pause(0)
        await send(source, 100, 400)
        await contract.taken(300)
        assert sum(len(chunk.records) for chunk in contract.of(0)) < 250
        await contract.group.ask_ends()
        assert contract.group.ends(1) == {SOURCE: 250}

        async def silent() -> bool:
            return contract.group.told(0, 1) == {} and contract.group.told(1, 1) == {SOURCE: 250}

        await eventually("only the end of what is fetched to be told", silent)
        contract.group.resume(0)
        await contract.taken(500)
        assert check_contiguous(contract.of(0)) == list(range(250))


@pytest.mark.kafka
async def test_a_table_written_from_an_agent_is_recovered_from_its_changelog(
    source_on_kafka: Settings, tmp_path: Path
) -> None:
    """Recovery reads single records through the same scheduler; only source topics come in chunks."""
    await send(source_on_kafka, 0, 1000)
    async with running(source_on_kafka, tmp_path / "first", counts=True) as contract:
        await contract.taken(1000)
    wanted = Counter(f"{number % PARTITIONS}/{number % 7}" for number in range(1000))
    async with running(source_on_kafka, tmp_path / "second") as contract:
        await contract.taken(1000)  # Faust recovers first
        assert dict(contract.table.items()) == wanted


async def committed(settings: Settings) -> dict[int, int | None]:
    """The group's offsets as the broker has them."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, group_id=settings.kafka_group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        tps = [TopicPartition(SOURCE, partition) for partition in range(PARTITIONS)]
        consumer.assign(tps)
        return {tp.partition: await consumer.committed(tp) for tp in tps}
    finally:
        await consumer.stop()


async def test_a_slow_coordinator_slows_no_delivery_and_gets_the_last_offsets(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    commit, answering, calls = AIOKafkaConsumer.commit, threading.Event(), 0

    async def slow(self: Any, offsets: Any) -> None:
        nonlocal calls
        calls += 1
        await asyncio.to_thread(answering.wait)
        await commit(self, offsets)

    request.addfinalizer(answering.set)  # else a test that fails here leaves a thread that never ends
    monkeypatch.setattr("streams.chunks.COMMIT_SECONDS", 3.0)
    monkeypatch.setattr(AIOKafkaConsumer, "commit", slow)
    await send(source, 0, 100)
    async with running(source, tmp_path) as contract:
        await contract.taken(100)
        for offset in range(1, 51):
            for partition in range(PARTITIONS):
                async with asyncio.timeout(2):
                    await contract.group.commit(partition, {SOURCE: offset})
        assert 1 <= calls <= 10
        thread = contract.app.consumer._thread

        async def given_up() -> bool:
            return bool(thread._committing.done())

        await eventually("the end of a commit without an answer", given_up)
        answering.set()
        await contract.group.commit(0, {SOURCE: 50})
        await contract.group.commit(1, {SOURCE: 49})
        await contract.group.commit(1, {SOURCE: 50})
    assert await committed(source) == {0: 50, 1: 50}


async def check_bad_names(settings: Settings, home: Path) -> None:
    """A header name that is not UTF-8 stops neither the records behind it nor the other partition."""
    await send(settings, 0, 100)
    for codec in (0, 3):
        bad = (b"k", b"bad", [("trace", None), ("x\udcff", b"1")])
        await batches.send(settings, SOURCE, [(None, b"before", []), bad, (None, b"behind", [])], 1, codec)
    await send(settings, 100, 100)
    async with running(settings, home) as contract:
        await contract.taken(206)
        assert check_contiguous(contract.of(0)) == list(range(100))
        assert check_contiguous(contract.of(1)) == list(range(106))
        records = [record for chunk in contract.of(1) for record in chunk.records]
        assert [record.value for record in records[50:56]] == [b"before", b"bad", b"behind"] * 2
        for record in (records[51], records[54]):
            assert (record.key, list(record.headers)) == (b"k", [("trace", None), ("x\udcff", b"1")])


async def test_a_header_name_that_is_no_text_stops_nothing(source: Settings, tmp_path: Path) -> None:
    await check_bad_names(source, tmp_path)


@pytest.mark.kafka
async def test_a_header_name_that_is_no_text_stops_nothing_on_kafka(source_on_kafka: Settings, tmp_path: Path) -> None:
    await check_bad_names(source_on_kafka, tmp_path)


@pytest.mark.kafka
async def test_holes_of_transactions_lie_inside_chunks(source_on_kafka: Settings, tmp_path: Path) -> None:
    kept: list[bytes] = []
    producer = AIOKafkaProducer(bootstrap_servers=source_on_kafka.kafka_bootstrap_servers, transactional_id="contract")
    await producer.start()
    for number in range(20):
        await producer.begin_transaction()
        for each in range(10):
            await producer.send(SOURCE, b"%d/%d" % (number, each), partition=0)
        await producer.flush()
        if number % 2:
            await producer.abort_transaction()
        else:
            await producer.commit_transaction()
            kept += [b"%d/%d" % (number, each) for each in range(10)]
    await producer.stop()
    async with running(source_on_kafka, tmp_path) as contract:
        await contract.taken(len(kept))

        async def past() -> bool:
            return contract.of(0)[-1].end == 220

        await eventually("a position behind the last marker", past)
        check_contiguous(contract.of(0))
        assert [record.value for chunk in contract.of(0) for record in chunk.records] == kept
