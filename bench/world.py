"""Values to send in a benchmark: the generated world's events, cloned under new ids and sent at full speed."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from aiokafka import AIOKafkaProducer

from agents.send import Sender
from streams.topics import source_topics
from streams.world import clock
from streams.world.dice import Dice
from streams.world.record import Record
from streams.world.traffic import OPEN_MOST, OPEN_SECONDS, events

Message = tuple[str, bytes, bytes]
"""Topic, key and value."""
Sent = Callable[[Record], None]
ID = b'"id":"'
BEFORE = 35
"""Events, for each journey that is open at once, after which as many end as begin, and a third are pings."""


def under_way(start: float, rate: float, dice: Dice) -> Iterator[Record]:
    """Events of both domains from `start` (seconds since 1970) on, `rate` a second, of a world that is not new.

    One that has just begun has no pings yet, and no journey in it ends: its first events are left out.
    """
    before = round(BEFORE * min(OPEN_MOST, OPEN_SECONDS * rate))
    return islice(
        events(("rides", "ticketing"), dice, "bench", clock.live(start - before / rate, rate), rate), before, None
    )


def recent(count: int, dice: Dice, rate: float = 10_000.0) -> Iterator[Record]:
    """Events of both domains, as `millrace load --domain both` would send them half an hour ago.

    Nearer than WATERMARK_SKEW_SECONDS: a topic that falls idle goes by the clock, and would then wait for the others.
    """
    return islice(under_way(time.time() - 1800, rate, dice), count)


def originals(count: int, seed: int = 7, rate: float = 10_000.0) -> list[Message]:
    """Such events as they are sent."""
    return [(record.topic, record.key, record.value or b"") for record in recent(count, Dice(seed), rate)]


def clones(messages: list[Message], count: int, run: str) -> Iterator[Message]:
    """`count` messages that are all different: an id gets the run and the number of its round in front."""
    done = 0
    while done < count:
        mark = ID + f"{run}-{done}-".encode()
        for topic, key, value in islice(messages, count - done):
            yield topic, key, value.replace(ID, mark, 1)
        done += len(messages)


async def send(servers: str, messages: Iterator[Message]) -> int:
    """Send at full speed; returns how many."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=10, max_batch_size=131072, compression_type="lz4")
    await producer.start()
    sent = 0
    try:
        while chunk := list(islice(messages, 100)):
            for topic, key, value in chunk:
                await producer.send(topic, value, key=key)
            sent += len(chunk)
        await producer.flush()
    finally:
        await producer.stop()
    return sent


async def send_steadily(servers: str, records: Iterable[Record], rate: float, sent: Sent = lambda _: None) -> None:
    """Send so many a second, in whole batches: what a producer spends on this machine is taken from what is measured.

    `sent` is called for each record as it is put into its batch. Raises what the broker refused.
    """
    async with Sender(servers, source_topics()) as sender:
        if not await sender.send(records, asyncio.Event(), sent, lambda _, number: number / rate):
            raise sender.failure or RuntimeError("the producer ended early")


def records(messages: Iterable[Message]) -> Iterator[Record]:
    """Messages as records, of which nothing else is known."""
    return (Record(topic, key, value, "", 0.0) for topic, key, value in messages)
