"""Faust as its documentation has it: an agent that takes batches, and for windows a tumbling table.

`python -m faust -A bench.parts.workers.vanilla_faust worker`
"""

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import faust

from bench.parts import lap as laps
from bench.parts.order import Part
from bench.parts.work import Found, minutes, told
from bench.peers.job import BATCH_ROWS, BATCH_SECONDS, MINUTE, Tp
from streams.topics import source_topics

lap = laps.given()
app = faust.App(
    lap.place.group,
    broker=f"aiokafka://{lap.place.servers}",
    store="memory://",
    datadir=lap.place.home,
    web_enabled=False,
    topic_disable_leader=True,
    topic_partitions=2,
    consumer_auto_offset_reset="earliest",
    broker_max_poll_records=5000,
    stream_buffer_maxsize=BATCH_ROWS,
)
source = app.topic(*source_topics(), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def grouped(events: list[Any]) -> dict[Tp, list[bytes]]:
    """The events' values by topic partition."""
    found: defaultdict[Tp, list[bytes]] = defaultdict(list)
    for event in events:
        found[event.message.topic, event.message.partition].append(event.value)
    return found


async def take(stream: Any) -> None:
    """The part's work on each batch."""
    async for events in stream.take_events(BATCH_ROWS, within=BATCH_SECONDS):
        lap.take((topic, values) for (topic, _), values in grouped(events).items())


class Table:
    """Counts by minute, type and partition in a table with its changelog; each touched line is written once a batch."""

    def __init__(self) -> None:
        # A batch is of many partitions: each line lies where its own key says.
        table = app.Table("minutes", default=int, use_partitioner=True)
        self._table = table.tumbling(MINUTE, expires=timedelta(days=1))
        self._lines: dict[tuple[int, str, int], int] = {}

    async def count(self, stream: Any) -> None:
        """Count each batch."""
        async for events in stream.take_events(BATCH_ROWS, within=BATCH_SECONDS):
            for (_, partition), values in grouped(events).items():
                for (minute, kind), count in minutes(values).items():
                    at, key = self._table.relative_to(float(minute)), f"{kind}/{partition}"
                    at[key] += count
                    self._lines[minute, kind, partition] = at[key].value()
            lap.seen(len(events), self.found)

    def found(self) -> Found:
        """What the table has told last."""
        counts: Counter[tuple[int, str]] = Counter()
        for (minute, kind, _), events in self._lines.items():
            counts[minute, kind] += events
        return told(counts)


app.agent(source, name="part")(Table().count if lap.order.part is Part.WINDOWS else take)


@app.task
async def ready() -> None:
    """Everything is started."""
    lap.ready()
