"""The product's own parts: chunks through Faust, the codec, and the panes that its windows are kept in.

`python -m faust -A bench.parts.workers.ours worker`
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterable, Sequence
from operator import attrgetter
from typing import Any

import uvloop

from bench.parts import lap as laps
from bench.parts.order import Part
from bench.parts.work import Found, Happened, read, told
from bench.peers.job import MINUTE
from bench.peers.ours.windows import only_minutes
from streams.batch import Chunk
from streams.chunks import App, Chunks, ConsumerThread, RawSchema, SourceTopics
from streams.events import registry
from streams.settings import Settings
from streams.topics import source_topics
from tables.columns import Columns
from tables.panes import Panes
from tables.window import Declared

lap = laps.given()
settings = Settings()
topics = frozenset(source_topics())
ConsumerThread.source_topics = topics
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
app = App(
    lap.place.group,
    version=1,
    broker=f"aiokafka://{lap.place.servers}",
    store="memory://",
    datadir=lap.place.home,
    web_enabled=False,
    ConsumerScheduler=Chunks,
    Topic=SourceTopics,
    topic_disable_leader=True,
    topic_allow_declare=False,
    stream_wait_empty=False,
    stream_buffer_maxsize=1,
    broker_max_poll_records=settings.kafka_fetch_records,
    consumer_max_fetch_size=settings.kafka_fetch_bytes,
    consumer_auto_offset_reset="earliest",
)
source = app.topic(*sorted(topics), schema=RawSchema(), acks=False)
_value = attrgetter("value")


async def take(fetches: AsyncIterable[Sequence[Chunk]]) -> None:
    """The part's work on each chunk."""
    async for chunks in fetches:
        for chunk in chunks:
            lap.take([(chunk.topic, [record.value or b"" for record in chunk.records])])


class Windows:
    """The benchmark's one window, counted as the worker counts all of its own: into the panes of each shard."""

    def __init__(self) -> None:
        self._declared = Declared()
        only_minutes(self._declared)
        self._shards: dict[int, Panes] = {}
        self._seq = 0

    async def count(self, fetches: AsyncIterable[Sequence[Chunk]]) -> None:
        """Count each chunk."""
        async for chunks in fetches:
            for chunk in chunks:
                self._take(chunk)

    def _take(self, chunk: Chunk) -> None:
        kinds: defaultdict[str, list[Happened]] = defaultdict(list)
        for happened in map(read, map(_value, chunk.records)):
            if happened is not None:
                kinds[happened.type].append(happened)
        self._seq += 1
        panes = self._panes(chunk.partition)
        panes.apply(columns_of(kinds), seq=self._seq, watermark=0, rate=1.0)
        panes.take_changes()
        lap.seen(len(chunk.records), self.found)

    def found(self) -> Found:
        """What the panes say."""
        counts: Counter[tuple[int, str]] = Counter()
        for panes in self._shards.values():
            for slices, start, pane in panes:
                for line in pane.values():
                    for measure, state in zip(slices.over.measures, line.states, strict=True):
                        if state is not None:
                            counts[start, measure.on[0]] += measure.answer(state, MINUTE)
        return told(counts)

    def _panes(self, shard: int) -> Panes:
        found = self._shards.get(shard)
        if found is None:
            found = self._shards[shard] = Panes(shard, self._declared, {})
        return found


def columns_of(kinds: dict[str, list[Happened]]) -> list[Columns]:
    """The events of each type as columns; no position is asked for."""
    return [Columns(registry.events[kind], events, _nowhere) for kind, events in kinds.items()]


def _nowhere(position: Any) -> tuple[Any, ...]:
    raise AssertionError(f"the window of the benchmark asks for no position, but was asked for {position!r}")


app.agent(source, name="part")(Windows().count if lap.order.part is Part.WINDOWS else take)


@app.task
async def ready() -> None:
    """Everything is started."""
    lap.ready()
