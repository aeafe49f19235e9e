"""Sends accepted events to Kafka, keyed and partitioned as every other producer does, and says what became of each.

Events of requests that come at the same time travel in the same batches: while one batch of a partition is on its way
the next one fills, so there is no waiting for company and yet no request to the broker for every event. What is not
acknowledged counts against the bytes that the process may hold, and a broker that owes an acknowledgement for longer
than INGEST_STALLED_SECONDS counts as away: nothing more is taken until it has answered.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError

from api.ingest.hold import Budget
from api.ingest.lot import Lot, Place
from streams import http_metrics
from streams import producer as connection
from streams.backoff import Backoff
from streams.topics import partition_of

log = structlog.get_logger(__name__)

STOP_SECONDS = 3.0
NEW_METADATA_SECONDS = 1.0


class Unavailable(Exception):
    """Nothing can be sent now; the text says why."""


class Publisher:
    """The producer of one web process."""

    def __init__(self, servers: str, budget: Budget, ack_seconds: float, stalled_seconds: float) -> None:
        self.idempotent = True
        """Whether the broker sorts out repeated requests of ours; known once connected."""
        self._servers = servers
        self._budget = budget
        self._ack_seconds = ack_seconds
        self._stalled_seconds = stalled_seconds
        self._producer: Any = None
        self._connecting: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._waiting: dict[Place, deque[Lot]] = {}
        """Lots that are not handed over, by partition; a task works on each entry."""
        self._senders: set[asyncio.Task[None]] = set()
        self._unanswered: dict[Lot, Any] = {}
        """Lots whose fate is open, the oldest first, with the producer that has them; None: still waiting."""
        self._asked_for_metadata = 0.0

    def start(self) -> None:
        """Connect in the background, and again for as long as it takes."""
        self._connecting = asyncio.create_task(self._connect())

    async def stop(self) -> None:
        """Let what is under way be acknowledged for a moment, then let go."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        open_lots = [lot.done for lot in self._unanswered]
        if open_lots:
            await asyncio.wait(open_lots, timeout=STOP_SECONDS)
        for task in self._senders:
            task.cancel()
        if self._producer is not None:
            self._retire(self._producer, 1.0)
            self._producer = None
        if rest := [*self._senders, *self._closing]:
            await asyncio.wait(rest)

    def check(self) -> None:
        """Raises Unavailable where it is known beforehand that nothing can be acknowledged."""
        if self._producer is None:
            raise Unavailable(f"no broker answers at KAFKA_BOOTSTRAP_SERVERS={self._servers}")
        oldest = next(iter(self._unanswered), None)
        if oldest is not None and (age := time.monotonic() - oldest.began) > self._stalled_seconds:
            raise Unavailable(f"the broker has not acknowledged what it was given {age:.1f} s ago")

    def partitions(self, topic: str) -> int:
        """Partitions of a topic. Raises Unavailable where the broker does not have it."""
        found = self._producer.client.cluster.partitions_for_topic(topic)
        if not found:
            self._refresh()
            raise Unavailable(
                f"topic {topic} is missing at KAFKA_BOOTSTRAP_SERVERS={self._servers}; an operator has to run "
                "`millrace topics create`"
            )
        return len(found)

    def append(self, records: Iterable[tuple[str, bytes, bytes]]) -> list[Lot]:
        """Take records, as topic, key and value; the lot of each, in order. Raises Unavailable, and has taken none."""
        self.check()
        records = list(records)
        counts = {topic: self.partitions(topic) for topic in {topic for topic, _, _ in records}}
        size = sum(len(key) + len(value) for _, key, value in records)
        if not self._budget.take(size):
            raise Unavailable(
                f"this web process holds {self._budget.held} bytes that are not acknowledged, and may hold "
                f"{self._budget.limit} (INGEST_BUFFER_BYTES)"
            )
        return [self._append((topic, partition_of(key, counts[topic])), key, value) for topic, key, value in records]

    async def wait(self, lots: Iterable[Lot]) -> None:
        """Return when the fate of all lots is known, or after INGEST_ACK_SECONDS."""
        undone = {lot.done for lot in lots if not lot.done.done()}
        if undone:
            await asyncio.wait(undone, timeout=self._ack_seconds)

    def _append(self, place: Place, key: bytes, value: bytes) -> Lot:
        waiting = self._waiting.get(place)
        if waiting is None:
            waiting = self._waiting[place] = deque()
            task = asyncio.create_task(self._send_all(place, waiting))
            self._senders.add(task)
            task.add_done_callback(self._senders.discard)
        lot = waiting[-1] if waiting else None
        if lot is None or not lot.append(key, value):
            lot = Lot(place, self._producer.create_batch(), asyncio.get_running_loop())
            lot.append(key, value)
            waiting.append(lot)
            self._unanswered[lot] = None
        return lot

    async def _send_all(self, place: Place, waiting: deque[Lot]) -> None:
        """Hand over the lots of one partition, one after the other, as the connection takes them."""
        try:
            while waiting:
                await self._send(waiting[0], waiting)
        finally:
            del self._waiting[place]
            for lot in waiting:
                self._end(lot, asyncio.CancelledError())

    async def _send(self, lot: Lot, waiting: deque[Lot]) -> None:
        producer = self._producer
        waiting.popleft()
        try:
            if producer is None:
                raise KafkaError("the connection is being made anew")
            future = await producer.send_batch(lot.take(), lot.place[0], partition=lot.place[1])
        except KafkaError as error:  # it was not taken, so it was not written
            self._end(lot, error)
            self._failed(producer, error)
        except BaseException as error:
            self._end(lot, error)
            raise
        else:
            lot.handed = True
            self._unanswered[lot] = producer
            future.add_done_callback(lambda done: self._answered(lot, producer, done))

    def _answered(self, lot: Lot, producer: Any, done: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        self._end(lot, error)
        if error is not None:
            log.warning("events were not acknowledged", topic=lot.place[0], partition=lot.place[1], error=repr(error))
            self._failed(producer, error)

    def _end(self, lot: Lot, error: BaseException | None) -> None:
        if lot in self._unanswered:
            del self._unanswered[lot]
            self._budget.give(lot.size)
        lot.end(error)

    def _failed(self, producer: Any, error: BaseException) -> None:
        """Make the connection anew where an idempotent one has lost count: it would refuse all that follows."""
        lost_count = self.idempotent and not isinstance(error, KafkaTimeoutError)
        if lost_count and producer is not None and producer is self._producer:
            self._producer = None
            self._retire(producer, self._ack_seconds)
            self.start()

    def _retire(self, producer: Any, seconds: float) -> None:
        task = asyncio.create_task(self._close(producer, seconds))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, producer: Any, seconds: float) -> None:
        await connection.close(producer, seconds)
        for lot in [lot for lot, owner in self._unanswered.items() if owner is producer]:
            self._end(lot, asyncio.CancelledError())  # nobody will hear of it any more

    def _refresh(self) -> None:
        """Ask which partitions there are, but not for every request."""
        if time.monotonic() - self._asked_for_metadata > NEW_METADATA_SECONDS:
            self._asked_for_metadata = time.monotonic()
            self._producer.client.force_metadata_update()

    async def _connect(self) -> None:
        backoff, told = Backoff(0.2, 2.0), False
        while True:
            try:
                self._producer, self.idempotent = await connection.connect(self._servers, self._ack_seconds)
                http_metrics.PRODUCERS.inc()
            except (KafkaError, OSError) as error:
                if not told:
                    told = True
                    log.warning("no broker answers, so no events are taken", servers=self._servers, error=str(error))
                await backoff.wait()
            else:
                log.info("events can be posted", servers=self._servers, idempotent=self.idempotent)
                return
