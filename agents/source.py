"""The source topics of one shard, read by position and without a group: bounds, and exact ranges again."""

from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from agents.consumer import start, stop
from agents.log import ConsumerFactory
from streams.batch import Chunk
from streams.errors import SinkUnavailable, SourceCut
from streams.intent import Ranges


class Source:
    """Partition n of every source topic, for what the group's consumer is not asked: recovery."""

    def __init__(self, shard: int, topics: Iterable[str], consumer: ConsumerFactory) -> None:
        self._tps = {topic: TopicPartition(topic, shard) for topic in topics}
        self._new_consumer = consumer

    async def bounds(self) -> dict[str, tuple[int, int]]:
        """Per topic the first offset held and the end of what is committed. Raises SinkUnavailable."""
        consumer = await self._start()
        try:
            begin = await consumer.beginning_offsets(self._tps.values())
            end = await ends_of(consumer, self._tps.values())
        except KafkaError as error:
            raise SinkUnavailable(f"the broker does not tell the bounds of the source topics: {error!r}") from error
        finally:
            await stop(consumer)
        return {topic: (begin[tp], end[tp]) for topic, tp in self._tps.items()}

    async def read(self, ranges: Ranges) -> dict[str, Chunk]:
        """Every record of the ranges, one chunk a topic. Raises SourceCut, SinkUnavailable."""
        wanted = {topic: span for topic, span in ranges.items() if span[0] < span[1]}
        if not wanted:
            return {}
        consumer = await self._start()
        try:
            return await _read(consumer, {self._tps[topic]: span for topic, span in wanted.items()})
        except OffsetOutOfRangeError as error:
            raise SourceCut(f"records of a batch that has to be delivered again are gone: {error}") from error
        except KafkaError as error:
            raise SinkUnavailable(f"the source topics cannot be read: {error!r}") from error
        finally:
            await stop(consumer)

    async def _start(self) -> AIOKafkaConsumer:
        consumer = self._new_consumer()
        try:
            await start(consumer)
        except KafkaError as error:
            raise SinkUnavailable(f"the broker cannot be reached for the source topics: {error!r}") from error
        consumer.assign(list(self._tps.values()))
        return consumer


async def ends_of(consumer: AIOKafkaConsumer, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The end of what is committed in each assigned partition, as a fetch tells it.

    A broker's answer to ListOffsets is only where the fetch begins: the embedded broker counts the last batch of
    records as one there.
    """
    listed = await consumer.end_offsets(tps)
    for tp, end in listed.items():
        consumer.seek(tp, end)
    waiting = set(listed)
    while waiting:
        await consumer.getmany(*waiting, timeout_ms=200)
        waiting -= {tp for tp in waiting if consumer.highwater(tp) is not None}
    return {tp: max(end, consumer.last_stable_offset(tp) or 0) for tp, end in listed.items()}


async def _read(consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, tuple[int, int]]) -> dict[str, Chunk]:
    """Read until every position has passed its range's end: a hole at the end is no record to wait for."""
    ends = await ends_of(consumer, spans)
    for tp, (_, end) in spans.items():
        if ends[tp] < end:
            raise SourceCut(f"{tp} ends at {ends[tp]}, but a batch reaches to {end}: the topic was cut or re-created")
    consumer.assign(list(spans))
    for tp, (first, _) in spans.items():
        consumer.seek(tp, first)
    records: dict[TopicPartition, list[object]] = {tp: [] for tp in spans}
    waiting = set(spans)
    while waiting:
        for tp, fetched in (await consumer.getmany(*waiting, timeout_ms=500, max_records=10_000)).items():
            records[tp] += [record for record in fetched if record.offset < spans[tp][1]]
        for tp in list(waiting):
            if await consumer.position(tp) >= spans[tp][1]:
                waiting.discard(tp)
    return {tp.topic: Chunk(tp.topic, tp.partition, *spans[tp], records[tp]) for tp in spans}  # type: ignore[arg-type]
