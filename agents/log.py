"""The log of intents of one shard, over Kafka: append a record, read the valid chain on."""

from collections.abc import AsyncIterator, Callable

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from agents.consumer import start, stop
from streams.errors import LogCut, SinkUnavailable

log = structlog.get_logger(__name__)

ConsumerFactory = Callable[[], AIOKafkaConsumer]
"""Makes a consumer without a group, which seeks by itself and never resets a position by policy."""


class IntentLog:
    """Partition n of the intents topic, as the owner of shard n uses it."""

    def __init__(self, topic: str, shard: int, producer: AIOKafkaProducer, consumer: ConsumerFactory) -> None:
        self._tp = TopicPartition(topic, shard)
        self._producer = producer
        self._new_consumer = consumer
        self._consumer: AIOKafkaConsumer | None = None
        self._next: int | None = None
        """Offset after the last record that was handed out; the consumer may have fetched further."""

    async def open(self) -> None:
        """Connect the reader. Raises SinkUnavailable."""
        await self.close()
        consumer = self._new_consumer()
        try:
            await start(consumer)
        except KafkaError as error:
            raise SinkUnavailable(f"the broker cannot be reached for the log of intents: {error!r}") from error
        consumer.assign([self._tp])
        self._consumer = consumer
        self._next = None

    async def close(self) -> None:
        """Disconnect the reader."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop(consumer)

    @property
    def _reader(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise SinkUnavailable("the reader of the log of intents is closed")
        return self._consumer

    async def bounds(self) -> tuple[int, int]:
        """The first offset that the log still holds and the one that its next record will get."""
        try:
            begin = await self._reader.beginning_offsets([self._tp])
            end = await self._reader.end_offsets([self._tp])
        except KafkaError as error:
            raise SinkUnavailable(f"the broker does not tell the bounds of {self._tp}: {error!r}") from error
        return begin[self._tp], end[self._tp]

    def seek(self, offset: int) -> None:
        """Read on from `offset`."""
        self._reader.seek(self._tp, offset)
        self._next = offset

    async def read_to(self, end: int) -> AsyncIterator[tuple[int, bytes | None]]:
        """Yield (offset, value) of every record below `end`. Raises LogCut, SinkUnavailable.

        A caller may stop early: the next call goes on after the record that it got last. After one that got all,
        nothing is fetched until the next: waiting for news would cost a request every 100 ms.
        """
        while True:
            try:
                position = await self._reader.position(self._tp)
                if self._next is not None and position > self._next:
                    self._reader.seek(self._tp, self._next)
                    position = self._next
                if position >= end:
                    self._reader.pause(self._tp)
                    return
                self._reader.resume(self._tp)
                fetched = await self._reader.getmany(self._tp, timeout_ms=1000)
            except OffsetOutOfRangeError as error:
                raise LogCut(
                    f"{self._tp} no longer holds the records that this shard reads on from ({error}): the log was cut "
                    "or re-created; look at `millrace intents show`, then run `millrace intents repair`"
                ) from error
            except KafkaError as error:
                raise SinkUnavailable(f"{self._tp} cannot be read: {error!r}") from error
            for record in fetched.get(self._tp, ()):
                if record.offset >= end:
                    self._next = end
                    self._reader.pause(self._tp)
                    return
                self._next = record.offset + 1
                yield record.offset, record.value
            # All were handed out: what lies between the last one and the position is a hole.
            self._next = None

    async def append(self, value: bytes) -> int | None:
        """Append a record with acks=all; returns its offset, or None if the outcome is unknown."""
        try:
            done = await self._producer.send_and_wait(self._tp.topic, value, partition=self._tp.partition)
        except KafkaError as error:
            log.warning(
                "append to the log of intents has no known outcome", shard=self._tp.partition, error=repr(error)
            )
            return None
        return int(done.offset)
