"""A worker without Faust: real shards on a real broker and ClickHouse, fed by a consumer without a group."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.build import Running, groupless, open_worker
from agents.shard import Shard, State
from streams.batch import Chunk
from streams.settings import Settings
from streams.topics import source_topics
from streams.version import VERSION
from tests.support.waiting import eventually

TOPICS = frozenset(source_topics())


class Feed:
    """Fetches chunks as the group's consumer does, and is steered by the shards."""

    def __init__(self, consumer: AIOKafkaConsumer, shards: Iterable[int]) -> None:
        self._consumer = consumer
        self.shards = list(shards)
        self._tps = {(shard, topic): TopicPartition(topic, shard) for shard in self.shards for topic in TOPICS}
        self.lose: Callable[[Chunk], bool] = lambda _: False
        """Chunks for which it says True are dropped on the way, as Faust drops some."""
        self.waited: frozenset[str] = frozenset()
        """Topics that have waited for others."""
        self.committed: dict[int, dict[str, int]] = {}
        self._seeks: dict[TopicPartition, int] = {}
        """To be done between two fetches: a seek in the middle of one would make its records look misplaced."""

    async def start(self) -> None:
        """Assign the shards' partitions, at their beginning."""
        await self._consumer.start()
        self._consumer.assign(list(self._tps.values()))
        await self._consumer.seek_to_beginning()

    def pause(self, shard: int) -> None:
        """As agents.flow.Flow."""
        self._consumer.pause(*(tp for (number, _), tp in self._tps.items() if number == shard))

    def resume(self, shard: int, but: frozenset[str] = frozenset()) -> None:
        """As agents.flow.Flow."""
        self.waited |= but
        self._consumer.resume(
            *(tp for (number, topic), tp in self._tps.items() if number == shard and topic not in but)
        )

    async def reposition(self, shard: int, offsets: Mapping[str, int]) -> None:
        """As agents.flow.Flow."""
        for topic, offset in offsets.items():
            self._seeks[self._tps[shard, topic]] = offset

    async def commit(self, shard: int, offsets: Mapping[str, int]) -> None:
        """As agents.flow.Flow."""
        self.committed[shard] = dict(offsets)

    def ends(self, shard: int) -> dict[str, int | None]:
        """As agents.flow.Flow."""
        return {topic: self._consumer.highwater(self._tps[shard, topic]) for topic in TOPICS}

    def told(self, shard: int, seconds: float) -> dict[str, int]:
        """As agents.flow.Flow."""
        since = (time.time() - seconds) * 1000
        tps = {topic: self._tps[shard, topic] for topic in TOPICS}
        return {
            topic: self._consumer.highwater(tp)
            for topic, tp in tps.items()
            if (self._consumer.last_poll_timestamp(tp) or 0) >= since
        }

    async def positions(self, shards: Iterable[int]) -> dict[int, dict[str, int | None]]:
        """As agents.shards.Positions."""
        return {
            shard: {topic: await self._consumer.position(self._tps[shard, topic]) for topic in TOPICS}
            for shard in shards
        }

    async def run(self, offer: Callable[[Chunk], None]) -> None:
        """Fetch and offer until cancelled."""
        positions: dict[TopicPartition, int] = {}
        while True:
            seeks, self._seeks = self._seeks, {}
            for tp, offset in seeks.items():
                self._consumer.seek(tp, offset)
            for tp in self._tps.values():
                positions[tp] = await self._consumer.position(tp)
            for tp, records in (await self._consumer.getmany(timeout_ms=50, max_records=5000)).items():
                end = await self._consumer.position(tp)
                if records[0].offset >= positions[tp] and end == records[-1].offset + 1:
                    chunk = Chunk(tp.topic, tp.partition, positions[tp], end, records)
                    if not self.lose(chunk):
                        offer(chunk)


@dataclass
class Pipeline:
    """Running shards and what feeds them."""

    running: Running
    feed: Feed
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    crashed: list[Shard] = field(default_factory=list)

    @property
    def shards(self) -> dict[int, Shard]:
        """The shards that run."""
        return self.running.shards.running

    def crash(self) -> None:
        """Stop every task where it stands, closing nothing, as kill -9 does."""
        for task in self.tasks:
            task.cancel()
        self.crashed += self.shards.values()
        for shard in self.crashed:
            if shard._task is not None:
                shard._task.cancel()
        self.running.shards.running = {}


@asynccontextmanager
async def pipeline(
    settings: Settings, shards: Iterable[int] | None = None, version: str = VERSION
) -> AsyncIterator[Pipeline]:
    """Run the shards (all, unless told) of the settings' broker and database; closed in order at the end."""
    numbers = list(range(settings.kafka_partitions)) if shards is None else list(shards)
    feed = Feed(groupless(settings)(), numbers)
    running = await open_worker(settings, version, feed, feed.positions)
    await feed.start()
    made = Pipeline(running, feed)
    made.tasks.append(asyncio.create_task(feed.run(running.shards.offer)))
    running.shards.start()
    await running.shards.assign((topic, number) for topic in TOPICS for number in numbers)
    try:
        yield made
    finally:
        await running.close(seconds=20)
        for task in made.tasks:
            task.cancel()
        for shard in made.crashed:
            await shard._intents.close()
        await feed._consumer.stop()


async def produce(settings: Settings, records: Iterable[tuple[str, int, bytes | None]]) -> int:
    """Send (topic, partition, value) records; returns how many."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, linger_ms=5)
    await producer.start()
    try:
        sent = [await producer.send(topic, value, partition=partition) for topic, partition, value in records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return len(sent)


async def state_of(worker: Pipeline, state: State, shard: int = 0) -> None:
    """Wait until the shard is in this state."""

    async def reached() -> bool:
        return worker.shards[shard].state is state

    await eventually(f"shard {shard} is {state}", reached)
