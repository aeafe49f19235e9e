"""A plain loop over aiokafka: fetch, work, insert, commit. What is in flight when it is killed comes again.

One batch is inserted while the next one is fetched and decoded.
"""

import asyncio
import uuid

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.peers import place as places
from bench.peers.job import FETCH_RECORDS, REASON, Batch, lines, settle
from bench.peers.place import Place
from bench.peers.plain import stages
from bench.peers.store import AsyncStore
from streams.topics import source_topics


class Loop:
    """Consumer, producer and store of one process."""

    def __init__(self, place: Place, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, store: AsyncStore) -> None:
        self._place = place
        self._consumer = consumer
        self._producer = producer
        self._store = store
        self._job = stages(place)

    async def run(self) -> None:
        """Until it is cancelled."""
        batch, delivery = Batch(), None
        while True:
            fetched = await self._consumer.getmany(timeout_ms=50, max_records=FETCH_RECORDS)
            for tp, records in fetched.items():
                self._job.take(
                    batch,
                    tp.topic,
                    tp.partition,
                    [record.offset for record in records],
                    [record.timestamp for record in records],
                    [record.value for record in records],
                )
            if batch.due():
                if delivery is not None:
                    await delivery
                delivery, batch = asyncio.create_task(self.deliver(batch)), Batch()

    async def deliver(self, batch: Batch) -> None:
        """Rows, windows, dead letters; the offsets last, so that nothing is lost."""
        await self._store.insert(self._job.blocks(batch))
        await self._store.count(lines(self._job.minutes(batch), uuid.uuid4().hex))
        sent = [
            await self._producer.send(
                self._place.dead_letters, refused.value, headers=[(REASON, refused.reason.encode())]
            )
            for refused in batch.refused
        ]
        await asyncio.gather(*sent)
        await self._consumer.commit({TopicPartition(*tp): offset for tp, offset in batch.ends.items()})


async def main() -> None:
    """Connect and run."""
    place = places.given()
    producer = AIOKafkaProducer(bootstrap_servers=place.servers, acks="all")
    consumer = AIOKafkaConsumer(
        *source_topics(),
        bootstrap_servers=place.servers,
        group_id=place.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    loop = Loop(place, consumer, producer, await AsyncStore.open(place))
    settle()
    place.ready()
    await producer.start()
    await consumer.start()
    try:
        await loop.run()
    finally:
        await consumer.stop()
        await producer.stop()


if __name__ == "__main__":
    uvloop.run(main())
