"""Faust as its documentation has it: an agent that takes batches, a windowed table. At least once.

`python -m faust -A bench.peers.vanilla_faust.worker worker`
"""

from collections import defaultdict
from datetime import timedelta
from typing import Any

import faust

from bench.peers import place as places
from bench.peers.job import BATCH_ROWS, BATCH_SECONDS, MINUTE, PARTITIONS, REASON, Batch, Job, Line, Tp, settle
from bench.peers.store import AsyncStore
from streams.topics import source_topics

place = places.given()
job = Job()
app = faust.App(
    place.group,
    broker=f"aiokafka://{place.servers}",
    store="memory://",
    datadir=place.home,
    web_enabled=False,
    topic_disable_leader=True,
    topic_partitions=PARTITIONS,
    consumer_auto_offset_reset="earliest",
    broker_max_poll_records=5000,
    stream_buffer_maxsize=BATCH_ROWS,
)
raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
source = app.topic(*source_topics(), **raw)
dead_letters = app.topic(place.dead_letters, **raw)
# A batch is of many partitions: each line lies where its own key says.
table = app.Table("minutes", default=int, use_partitioner=True).tumbling(MINUTE, expires=timedelta(days=1))


def grouped(events: list[Any]) -> dict[Tp, tuple[list[int], list[int], list[Any]]]:
    """Offsets, timestamps and values of the events by topic partition."""
    found: defaultdict[Tp, tuple[list[int], list[int], list[Any]]] = defaultdict(lambda: ([], [], []))
    for event in events:
        message = event.message
        offsets, stamps, values = found[message.topic, message.partition]
        offsets.append(message.offset)
        stamps.append(round(message.timestamp * 1000))
        values.append(event.value)
    return found


def count(batch: Batch) -> list[Line]:
    """Count the batch into the table, one write for each line of it; the lines as they are now."""
    changed: list[Line] = []
    for (minute, kind, partition), events in job.minutes(batch).items():
        at, key = table.relative_to(float(minute)), f"{kind}/{partition}"
        at[key] += events
        changed.append((minute, kind, str(partition), at[key].value()))
    return changed


@app.agent(source)
async def work(stream: Any) -> None:
    """Rows, windows, dead letters; a batch is acknowledged when the next one is asked for."""
    store = await AsyncStore.open(place)
    async for events in stream.take_events(BATCH_ROWS, within=BATCH_SECONDS):
        batch = Batch()
        for (topic, partition), fetched in grouped(events).items():
            job.take(batch, topic, partition, *fetched)
        await store.insert(job.blocks(batch))
        await store.count(count(batch))
        sent = [
            await dead_letters.send(value=refused.value, headers={REASON: refused.reason.encode()})
            for refused in batch.refused
        ]
        for each in sent:
            await each


@app.task
async def ready() -> None:
    """Everything is started."""
    settle()
    place.ready()
