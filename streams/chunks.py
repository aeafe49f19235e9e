"""Batch-native Faust: one message for all that a fetch brings of a shard. The one file that knows Faust's insides.

Faust spends two asyncio tasks on a message, so a message here is the chunks of all source topics that
were fetched together. Changelog topics keep their single records. Each chunk carries the fetch positions it lies
between, read in the consumer's thread without an await in between: that is what lets a shard see every gap
(decision 0004).
"""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import faust
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.consumer.fetcher import FetchError
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

import streams.records  # its reader can take whole batches
import streams.refresh  # noqa: F401  # a broker that is away costs no core
from streams.batch import Chunk

FETCH_BYTES, FETCH_WAIT_MS = 1 << 20, 200
"""The broker answers a fetch once it has so many bytes, or after so long. Without the first it answers each record that
comes, hundreds of times a second, and every answer costs a chunk for each topic in it."""
ENDS_SECONDS = 1.0
"""Longest wait for the broker to tell the ends of the logs."""
COMMIT_SECONDS = 1.0
"""Longest wait for the group's coordinator to take offsets."""
_MESSAGE_NUMBERS = itertools.count(1 << 62)


class FetchRecord:
    """The chunks of one partition number that quack like aiokafka's ConsumerRecord, under the name of the first topic.

    Its offset is a number that only grows: Faust drops a message whose offset lies below the last one it saw,
    which a chunk read again after a seek would. Nothing is acknowledged by it.
    """

    __slots__ = ("offset", "partition", "timestamp", "topic", "value")
    key = None
    headers = ()
    checksum = None
    serialized_key_size = 0
    timestamp_type = 0

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        first = chunks[0]
        self.topic = first.topic
        self.partition = first.partition
        self.offset = next(_MESSAGE_NUMBERS)
        self.timestamp = first.records[-1].timestamp if first.records else 0
        self.value = chunks

    @property
    def serialized_value_size(self) -> int:
        """Faust's monitor asks for it."""
        return sum(len(chunk.records) for chunk in self.value)


class Chunks(DefaultSchedulingStrategy):
    """Faust's `ConsumerScheduler`: the chunks of a shard as one record, all others one by one."""

    def iterate(self, records: Mapping[TP, Any]) -> Iterator[tuple[TP, Any]]:
        """Yield what the consumer's thread fetched."""
        single = {}
        shards: defaultdict[int, list[Chunk]] = defaultdict(list)
        for tp, fetched in records.items():
            if isinstance(fetched, Chunk):
                shards[tp.partition].append(fetched)
            else:
                single[tp] = fetched
        for chunks in shards.values():
            record = FetchRecord(chunks)
            yield TP(record.topic, record.partition), record
        yield from super().iterate(single)


class RawSchema(faust.Schema):
    """Hands key and value to the agent as they are: decoding is the pipeline's work."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """The message's own key."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The message's own value: chunks."""
        return message.value


class SourceTopics(faust.Topic):
    """One channel over several topics; Faust can list it only by one name."""

    def get_topic_name(self) -> str:
        """All names; nothing is ever sent here."""
        return ", ".join(self.topics or ())


def _unpack(result: Any, state: Any, limit: int, *, light: bool) -> list[Any]:
    """As FetchResult.getall: up to `limit` records, and the position moved behind them. `light`: by `take`."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return []
    unpacked = result._partition_records
    records = unpacked.take(limit) if light else list(itertools.islice(unpacked._records_iterator, limit))
    state.consumed_to(unpacked.position)
    if len(records) < limit:
        result._partition_records = None
    return records


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer; fetches chunks, seeks, commits, tells positions."""

    source_topics: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        """Faust calls it at the end of `__init__`."""
        super().__post_init__()
        self._uncommitted: dict[TP, int] = {}
        self._committing: asyncio.Future[None] | None = None

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        """As Faust's, but reads committed records only and keeps partition n of all topics together.

        Recovery of a table needs to know from Faust's own assignor whose changelog it is; else range is the plain rule.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = FETCH_BYTES, FETCH_WAIT_MS
        if not self.app.tables.changelog_topics:
            consumer._partition_assignment_strategy = (RangePartitionAssignor,)
            self._assignor = RangePartitionAssignor
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,
    ) -> dict[TP, Any]:
        if not self.consumer.flow_active:
            return {}
        fetching = consumer._fetcher
        if consumer._closed or fetching._closed:
            raise ConsumerStoppedError()
        with fetching._subscriptions.fetch_context():
            records = self._drain(fetching, active_partitions, max_records or 1)
            if not records:
                waiter = fetching._create_fetch_waiter()
                done, _ = await asyncio.wait([waiter], timeout=timeout)
                if not done:
                    waiter.cancel()
                elif self.consumer.flow_active:
                    waiter.result()  # raises what the broker refused, such as an authorisation
                    records = self._drain(fetching, active_partitions, max_records or 1)
            return records

    def _drain(self, fetching: Any, active: set[TP], limit: int) -> dict[TP, Any]:
        """What aiokafka has fetched, without an await: position, records and position again belong together."""
        drained: dict[TP, Any] = {}
        subscriptions = fetching._subscriptions
        if subscriptions.reassignment_in_progress:
            return drained
        for tp in list(fetching._records):
            if tp not in active or not subscriptions.is_assigned(tp):
                if not subscriptions.is_assigned(tp):
                    del fetching._records[tp]
                continue
            result = fetching._records[tp]
            if type(result) is FetchError:
                del fetching._records[tp]
                fetching._notify(fetching._wait_consume_future)
                result.check_raise()
            state = subscriptions.subscription.assignment.state_value(tp)
            start = state.position if state.has_valid_position else None
            records = _unpack(result, state, limit, light=tp.topic in self.source_topics)
            if not result.has_more():
                del fetching._records[tp]
                fetching._notify(fetching._wait_consume_future)
            key = TP(tp.topic, tp.partition)
            if tp.topic not in self.source_topics:
                if records:
                    drained[key] = records
            elif start is not None and state.position != start:  # a hole alone moves the position too
                drained[key] = Chunk(tp.topic, tp.partition, start, state.position, records)
        return drained

    async def reposition(self, offsets: Mapping[TP, int]) -> None:
        """Seek source partitions; those that are no longer ours are left alone."""
        await self.call_thread(self._reposition, offsets)

    async def _reposition(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            try:
                consumer.seek(TopicPartition(tp.topic, tp.partition), offset)
            except IllegalStateError:
                continue

    async def positions(self, tps: set[TP]) -> dict[TP, int | None]:
        """Where the next fetch of each partition starts; None where it is not known yet or not ours."""
        return dict(await self.call_thread(self._positions, tps))

    async def _positions(self, tps: set[TP]) -> dict[TP, int | None]:
        subscription = self._ensure_consumer()._subscription.subscription
        positions: dict[TP, int | None] = dict.fromkeys(tps)
        if subscription is not None and subscription.assignment is not None:
            for tp in tps:
                key = TopicPartition(tp.topic, tp.partition)
                if key in subscription.assignment.tps:
                    state = subscription.assignment.state_value(key)
                    positions[tp] = state.position if state.has_valid_position else None
        return positions

    def told_at(self, tp: TP) -> int | None:
        """When a fetch told the end of this log last, in milliseconds since 1970; None before the first."""
        at: int | None = self._ensure_consumer().last_poll_timestamp(tp)
        return at

    async def log_ends(self, tps: set[TP], seconds: float) -> dict[TP, int]:
        """The ends of these logs as the broker tells them; empty if it does not answer in time."""
        return dict(await self.call_thread(self._log_ends, tps, seconds))

    async def _log_ends(self, tps: set[TP], seconds: float) -> dict[TP, int]:
        try:
            async with asyncio.timeout(seconds):
                return dict(await self._ensure_consumer().end_offsets(tps))
        except (TimeoutError, KafkaError):
            return {}

    async def commit_for_tools(self, offsets: Mapping[TP, int]) -> None:
        """Commit the group's offsets soon, for lag tools only: they are never read back, so a failure is no error."""
        await self.call_thread(self._commit_for_tools, offsets)

    async def _commit_for_tools(self, offsets: Mapping[TP, int]) -> None:
        # Nobody waits for the answer: a coordinator that is slow would slow every batch, even under a limit, and the
        # thread's two callers would be taken by it. One commit is on its way at a time; the next one takes what has
        # come together meanwhile, so that the last offsets of a quiet shard are not left out.
        self._uncommitted |= offsets
        if self._committing is None or self._committing.done():
            self._committing = asyncio.ensure_future(self._commit_all())

    async def _commit_all(self) -> None:
        consumer = self._ensure_consumer()
        while self._uncommitted:
            offsets, self._uncommitted = self._uncommitted, {}
            assigned = consumer.assignment()
            ours = {
                key: OffsetAndMetadata(offset, "")
                for tp, offset in offsets.items()
                if (key := TopicPartition(tp.topic, tp.partition)) in assigned
            }
            try:
                async with asyncio.timeout(COMMIT_SECONDS):
                    if ours:
                        await consumer.commit(ours)
            except (TimeoutError, KafkaError) as error:
                self.log.info("offsets for lag tools not committed: %r", error)

    async def on_thread_stop(self) -> None:
        """As Faust's, but lets a commit that is on its way arrive first."""
        if self._committing is not None:
            await asyncio.wait([self._committing], timeout=COMMIT_SECONDS)
        await super().on_thread_stop()


class Consumer(driver.Consumer):
    """Faust's consumer on our thread."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109  # Faust's signature
        """As Faust's, but chunks that were fetched arrive: it drops what was paused meanwhile, and all of a message."""
        records, active = await super()._wait_next_records(timeout)
        if records and active is not None:
            active = active | {tp for tp, fetched in records.items() if isinstance(fetched, Chunk)}
        return records, active


class Transport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = Consumer


class App(faust.App):
    """A Faust app on the transport above."""

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)


class GroupConsumer:
    """The group's consumer as the shards steer it: shard n is partition n of every source topic."""

    def __init__(self, app: App, topics: frozenset[str]) -> None:
        self._app = app
        self._topics = topics
        self._ends: dict[TP, int] = {}
        self.answers = True
        """Whether the broker answered `ask_ends` the last time."""

    def _tps(self, shard: int) -> set[TP]:
        return {TP(topic, shard) for topic in self._topics}

    def pause(self, shard: int) -> None:
        """Fetch no more of this shard; what is on its way still arrives."""
        self._app.consumer.pause_partitions(self._tps(shard))

    def resume(self, shard: int, but: frozenset[str] = frozenset()) -> None:
        """Fetch this shard again, all topics but these, as far as it is assigned to this worker."""
        wanted = {tp for tp in self._tps(shard) if tp.topic not in but}
        self._app.consumer.resume_partitions(wanted & self._app.consumer.assignment())

    async def reposition(self, shard: int, offsets: Mapping[str, int]) -> None:
        """Fetch on from these offsets, by topic."""
        thread = self._app.consumer._thread
        await thread.reposition({TP(topic, shard): offset for topic, offset in offsets.items()})

    async def commit(self, shard: int, offsets: Mapping[str, int]) -> None:
        """Commit the group's offsets, for lag tools only; does not wait for the answer."""
        thread = self._app.consumer._thread
        await thread.commit_for_tools({TP(topic, shard): offset for topic, offset in offsets.items()})

    async def positions(self, shards: Iterable[int]) -> dict[int, dict[str, int | None]]:
        """Per shard and topic where the next fetch starts."""
        tps = {tp for shard in shards for tp in self._tps(shard)}
        found: dict[int, dict[str, int | None]] = {}
        for tp, position in (await self._app.consumer._thread.positions(tps)).items():
            found.setdefault(tp.partition, {})[tp.topic] = position
        return found

    async def ask_ends(self) -> None:
        """Ask the broker for the ends of all assigned logs: a paused topic is not fetched, so its end is not told."""
        consumer = self._app.consumer
        if tps := {tp for tp in consumer.assignment() if tp.topic in self._topics}:
            told = await consumer._thread.log_ends(tps, ENDS_SECONDS)
            self.answers = bool(told)
            self._ends |= told

    def ends(self, shard: int) -> dict[str, int | None]:
        """Per topic the end of the log as the last fetch or `ask_ends` told it; None before the first."""
        consumer = self._app.consumer
        told = {tp: (consumer.highwater(tp), self._ends.get(tp)) for tp in self._tps(shard) & consumer.assignment()}
        return {tp.topic: max((end for end in ends if end is not None), default=None) for tp, ends in told.items()}

    def told(self, shard: int, seconds: float) -> dict[str, int]:
        """The ends of the logs, by topic, that fetches have told in the last so many seconds."""
        consumer = self._app.consumer
        since = (time.time() - seconds) * 1000
        tps = self._tps(shard) & consumer.assignment()
        return {tp.topic: consumer.highwater(tp) for tp in tps if (consumer._thread.told_at(tp) or 0) >= since}
