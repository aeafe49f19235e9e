"""Events of a long time, sent to Kafka as fast as it will by a process of its own."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from multiprocessing.queues import Queue

from agents.send import Sender
from streams.topics import source_topics
from streams.world import clock
from streams.world.dice import Dice
from streams.world.record import Record
from streams.world.traffic import events


def world(count: int, days: float) -> Iterator[Record]:
    """So many events of both domains over the days before now."""
    times = clock.over(time.time(), days * 24, count)
    return islice(events(("rides", "ticketing"), Dice(11), "volume", times, count / (days * 86_400)), count)


def produce(servers: str, count: int, days: float, told: "Queue[dict[str, int]]") -> None:
    """Send, in a process of its own; then tell the bytes of JSON by event type."""
    weights: Counter[str] = Counter()

    def weigh(record: Record) -> None:
        weights[record.type] += len(record.value or b"")

    async def send() -> None:
        async with Sender(servers, source_topics()) as sender:
            if not await sender.send(world(count, days), asyncio.Event(), weigh):
                raise sender.failure or RuntimeError("the producer ended early")

    asyncio.run(send())
    told.put(dict(weights))
