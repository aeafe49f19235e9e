"""Sends records to Kafka: whole batches, acknowledged by all replicas, idempotently where the broker can."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError

from streams import producer as connection
from streams.errors import ConfigurationError, SinkUnavailable
from streams.topics import partition_of
from streams.world.record import Record

LINGER_SECONDS = 0.05
"""How long a record waits for others at most."""
PAUSE_SECONDS = 0.02
"""Shortest pause between records that are not due yet."""
OUTAGE_SECONDS = 120.0
"""After so long without a broker a batch counts as not acknowledged."""
YIELD_RECORDS = 256
"""Records after which other tasks have their turn."""

Due = Callable[[Record, int], float]
"""When the n-th record may be sent, in seconds after the first."""


class Sender:
    """A connection that sends records, keyed as consumers expect it. `async with Sender(servers) as sender:`."""

    def __init__(self, servers: str, topics: Iterable[str], outage_seconds: float = OUTAGE_SECONDS) -> None:
        """`servers`: `host:port,host:port`; `topics`: all that will be sent to.

        `outage_seconds`: how long a batch is tried again while the broker is away.
        """
        self.servers = servers
        self._outage_seconds = outage_seconds
        self.topics = sorted(topics)
        self.idempotent = True
        """Whether the broker sorts out repeated requests; else an outage can append a record twice."""
        self.acknowledged = 0
        self.failure: BaseException | None = None
        self._producer: Any = None
        self._partitions: dict[str, int] = {}
        self._open: dict[tuple[str, int], Any] = {}
        self._underway: set[asyncio.Future[Any]] = set()

    async def __aenter__(self) -> "Sender":
        """Connect. Raises SinkUnavailable without a broker, ConfigurationError where a topic is missing."""
        self._producer = await self._connected()
        known = await self._producer.client.fetch_all_metadata()
        missing = [topic for topic in self.topics if not known.partitions_for_topic(topic)]
        if missing:
            await self._producer.stop()
            raise ConfigurationError(
                f"topics are missing at {self.servers}: {', '.join(missing)}. Create them with `millrace topics "
                "create`, or name the broker that has them."
            )
        self._partitions = {topic: len(known.partitions_for_topic(topic)) for topic in self.topics}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection; what is not acknowledged by now may or may not arrive."""
        await self._producer.stop()

    async def _connected(self) -> Any:
        """A started producer; `idempotent` tells of which kind."""
        try:
            producer, self.idempotent = await connection.connect(self.servers, self._outage_seconds)
        except KafkaConnectionError as error:
            raise SinkUnavailable(
                f"no broker answers at {self.servers} ({error}). Start one with `millrace up`, or set "
                "KAFKA_BOOTSTRAP_SERVERS or --bootstrap."
            ) from error
        return producer

    async def send(
        self,
        records: Iterable[Record],
        stopped: asyncio.Event,
        sent: Callable[[Record], None],
        due: Due | None = None,
        progress: Callable[[], None] = lambda: None,
    ) -> bool:
        """Send until the records end, `stopped` is set or a batch fails; True if they ended.

        `sent` is called for every record in order; `progress` every now and then. Returns when every batch is
        acknowledged or has failed: see `acknowledged` and `failure`.
        """
        loop = asyncio.get_running_loop()
        begun = now = flushed = loop.time()
        ended = True
        for number, record in enumerate(records):
            if due is not None:
                moment = begun + due(record, number)
                if moment > now:
                    now = loop.time()
                if moment > now:
                    await self.flush()
                    progress()
                    await _pause(max(moment - now, PAUSE_SECONDS), stopped)
                    now = flushed = loop.time()
            if stopped.is_set() or self.failure is not None:
                ended = False
                break
            await self._append(record)
            sent(record)
            if number % YIELD_RECORDS == 0:
                now = loop.time()
                if now - flushed > LINGER_SECONDS:
                    await self.flush()
                    progress()
                    flushed = now
                await asyncio.sleep(0)
        await self.flush()
        while self._underway:
            await asyncio.wait(self._underway)
        progress()
        return ended and self.failure is None

    async def flush(self) -> None:
        """Hand every open batch to the connection; waits while an earlier one of that partition is not sent."""
        for place in list(self._open):
            await self._submit(place)

    async def _append(self, record: Record) -> None:
        place = (record.topic, partition_of(record.key, self._partitions[record.topic]))
        batch = self._open.get(place)
        if batch is not None:
            if batch.append(timestamp=None, key=record.key, value=record.value) is not None:
                return
            await self._submit(place)
        # The first record of a batch is taken whatever its size.
        batch = self._open[place] = self._producer.create_batch()
        batch.append(timestamp=None, key=record.key, value=record.value)

    async def _submit(self, place: tuple[str, int]) -> None:
        batch = self._open.pop(place)
        count = batch.record_count()
        try:
            future = await self._producer.send_batch(batch, place[0], partition=place[1])
        except KafkaError as error:
            self.failure = error
            return
        self._underway.add(future)
        future.add_done_callback(lambda done: self._finished(done, count))

    def _finished(self, done: asyncio.Future[Any], count: int) -> None:
        self._underway.discard(done)
        if not done.cancelled() and done.exception() is None:
            self.acknowledged += count
        elif self.failure is None:
            self.failure = None if done.cancelled() else done.exception()


async def _pause(seconds: float, stopped: asyncio.Event) -> None:
    """Wait, but no longer than until `stopped`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopped.wait()
