"""A plain loop over confluent-kafka: fetch, work, insert, commit. What is in flight when it is killed comes again.

One batch is inserted by a thread while the next one is fetched and decoded.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from bench.peers import place as places
from bench.peers.job import FETCH_RECORDS, REASON, Batch, Job, Tp, lines, settle
from bench.peers.place import Place
from bench.peers.store import Store
from streams.topics import source_topics

FETCH_SECONDS = 0.05


class Loop:
    """Consumer, producer and store of one process."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._job = Job()
        self._store = Store(place)
        self._producer = Producer({"bootstrap.servers": place.servers, "acks": "all"})
        self._consumer = Consumer(
            {
                "bootstrap.servers": place.servers,
                "group.id": place.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "queued.min.messages": 100_000,
            }
        )

    def run(self) -> None:
        """Until the process is ended."""
        self._consumer.subscribe(list(source_topics()))
        delivery: Future[Batch] | None = None
        batch = Batch()
        with ThreadPoolExecutor(1) as pool:
            while True:
                self._take(batch, self._consumer.consume(FETCH_RECORDS, FETCH_SECONDS))
                if delivery is not None and delivery.done():
                    self._commit(delivery.result())
                    delivery = None
                if batch.due():
                    if delivery is not None:
                        self._commit(delivery.result())
                    delivery, batch = pool.submit(self._deliver, batch), Batch()

    def _take(self, batch: Batch, messages: Iterable[Message]) -> None:
        fetched: defaultdict[Tp, tuple[list[int], list[int], list[Any]]] = defaultdict(lambda: ([], [], []))
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            offsets, stamps, values = fetched[message.topic(), message.partition()]
            offsets.append(message.offset())
            stamps.append(message.timestamp()[1])
            values.append(message.value())
        for (topic, partition), (offsets, stamps, values) in fetched.items():
            self._job.take(batch, topic, partition, offsets, stamps, values)

    def _deliver(self, batch: Batch) -> Batch:
        """Rows, windows and dead letters."""
        self._store.insert(self._job.blocks(batch))
        self._store.count(lines(self._job.minutes(batch), uuid.uuid4().hex))
        for refused in batch.refused:
            self._producer.produce(self._place.dead_letters, refused.value, headers={REASON: refused.reason})
        self._producer.flush()
        return batch

    def _commit(self, batch: Batch) -> None:
        """The offsets last, so that nothing is lost."""
        ends = [TopicPartition(topic, partition, offset) for (topic, partition), offset in batch.ends.items()]
        self._consumer.commit(offsets=ends, asynchronous=False)


def main() -> None:
    """Connect and run."""
    place = places.given()
    loop = Loop(place)
    settle()
    place.ready()
    loop.run()


if __name__ == "__main__":
    main()
