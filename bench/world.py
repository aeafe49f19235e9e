"""Values to send in a benchmark: the generated world's events, cloned under new ids and sent at full speed."""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice

from aiokafka import AIOKafkaProducer

from streams.world import clock
from streams.world.dice import Dice
from streams.world.traffic import events

Message = tuple[str, bytes, bytes]
"""Topic, key and value."""
ID = b'"id":"'


def originals(count: int, seed: int = 7, rate: float = 10_000.0) -> list[Message]:
    """Events of both domains, as `millrace load --domain both` would send them within the last hour."""
    start = time.time() - 3600
    world = events(("rides", "ticketing"), Dice(seed), "bench", clock.live(start, rate), rate)
    return [(record.topic, record.key, record.value or b"") for record in islice(world, count)]


def clones(messages: list[Message], count: int, run: str) -> Iterator[Message]:
    """`count` messages that are all different: an id gets the run and the number of its round in front."""
    done = 0
    while done < count:
        mark = ID + f"{run}-{done}-".encode()
        for topic, key, value in islice(messages, count - done):
            yield topic, key, value.replace(ID, mark, 1)
        done += len(messages)


async def send(servers: str, messages: Iterator[Message], rate: float | None = None) -> int:
    """Send at full speed, or so many a second; returns how many."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, linger_ms=10, max_batch_size=131072, compression_type="lz4" if rate is None else None
    )
    await producer.start()
    sent, started = 0, time.monotonic()
    try:
        while chunk := list(islice(messages, 100)):
            for topic, key, value in chunk:
                await producer.send(topic, value, key=key)
            sent += len(chunk)
            if rate is not None:
                await asyncio.sleep(max(0.0, started + sent / rate - time.monotonic()))
        await producer.flush()
    finally:
        await producer.stop()
    return sent
