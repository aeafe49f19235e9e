"""FastStream with a batch subscriber, acknowledged after the work. At least once."""

import uuid
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

from bench.peers import place as places
from bench.peers.job import BATCH_ROWS, REASON, Batch, lines, settle
from bench.peers.plain import stages
from bench.peers.store import AsyncStore
from streams.topics import source_topics

place = places.given()
job = stages(place)
broker = KafkaBroker(place.servers, logger=None, acks="all", apply_types=False)
app = FastStream(broker, logger=None)
_place_of = attrgetter("topic", "partition")
stores: list[AsyncStore] = []


async def records(message: KafkaMessage) -> Any:
    """Hand the records over as they were fetched: the job decodes a batch at once."""
    return message.raw_message


@app.on_startup
async def connect() -> None:
    """Open the store."""
    stores.append(await AsyncStore.open(place))


@broker.subscriber(
    *source_topics(),
    group_id=place.group,
    batch=True,
    max_records=BATCH_ROWS,
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
    decoder=records,
)
async def work(fetched: Sequence[Any]) -> None:
    """Rows, windows and dead letters of one batch."""
    batch, store = Batch(), stores[0]
    for (topic, partition), group in groupby(fetched, _place_of):
        part = list(group)
        job.take(
            batch,
            topic,
            partition,
            [record.offset for record in part],
            [record.timestamp for record in part],
            [record.value for record in part],
        )
    await store.insert(job.blocks(batch))
    await store.count(lines(job.minutes(batch), uuid.uuid4().hex))
    for refused in batch.refused:
        await broker.publish(refused.value, place.dead_letters, headers={REASON: refused.reason})


def main() -> None:
    """Run until the process is ended."""
    settle()
    place.ready()
    uvloop.run(app.run())


if __name__ == "__main__":
    main()
