"""What producer faults send, and what must become of it, in the form of `streams.world.truth.expected`."""

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.errors import Reject
from streams.events import registry
from streams.settings import Settings
from streams.topics import source_topics
from streams.world.runs import new_run
from streams.world.truth import Truth, expected
from tests.faults.oracle import CONTESTED_TYPE, MOST_SEATS
from tests.support.producers import send
from tests.support.wire import event, mixed

APART = 1_000_000
"""Numbers of events from one fault of a run to the next, so that no two share an id."""
TRANSACTION = 100
RUBBISH = (b"", b"{", b"[1, 2]", b"null", b"no event", b'{"specversion": "1.0"', b"\xff\xfe")
NAMES = [name for name in registry.events if name != "driver.location.updated"]


def twice(settings: Settings, seed: int, count: int) -> list[dict[str, Any]]:
    """Send a load, and all of it again; what must be found of each."""
    words = ("load", "--rate", "max", "--count", str(count), "--seed", str(seed), "--run", new_run(datetime.now(UTC)))
    first, second = (expected(send(settings, *words)) for _ in range(2))
    repeats = count - second["sampled_out"]
    return [first, second | {"rows": {}, "dead_letters": {}, "duplicates": repeats}]


async def poison(settings: Settings, seed: int, count: int) -> dict[str, Any]:
    """Send records that are no events, to every topic and partition."""
    dice = random.Random(seed)
    topics = source_topics()
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all") as producer:
        for number in range(count):
            value = dice.choice((None, dice.randbytes(dice.randrange(1, 400)), *RUBBISH))
            key = b"nobody" if value is None else None  # without both aiokafka sends nothing
            partition = number % settings.kafka_partitions
            await producer.send(topics[number % len(topics)], value, key, partition)
    return _expected(settings, Counter()) | {"dead_letters": {str(Reject.MALFORMED): count}}


async def late(settings: Settings, number: int, count: int, days: int) -> dict[str, Any]:
    """Send events that happened on each of the last days."""
    dice = random.Random(number)
    kinds: Counter[str] = Counter()
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all") as producer:
        for each in range(count):
            name = dice.choice(NAMES)
            topic, value = event(name, APART * (number + 1) + each, ago=86_400.0 * (each % days + 1))
            await producer.send(topic, value, partition=each % settings.kafka_partitions)
            kinds[name] += 1
    return _expected(settings, kinds)


async def transactions(settings: Settings, number: int, count: int) -> dict[str, Any]:
    """Send so many transactions, of which every third is aborted; only what was committed must be found."""
    kinds: Counter[str] = Counter()
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=f"faults-{number}")
    await producer.start()
    try:
        for each in range(count):
            await producer.begin_transaction()
            first = APART * (number + 1) + TRANSACTION * each
            for topic, partition, value in mixed(TRANSACTION, first, settings.kafka_partitions):
                await producer.send(topic, value, partition=partition)
            if each % 3 == 2:
                await producer.flush()
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
                kinds.update(NAMES[n % len(NAMES)] for n in range(first, first + TRANSACTION))
    finally:
        await producer.stop()
    return _expected(settings, kinds)


async def contested(settings: Settings, number: int, first: int, count: int) -> int:
    """Send bookings that one version takes and another refuses; returns how many."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all") as producer:
        for each in range(first, first + count):
            topic, value = event(CONTESTED_TYPE, APART * (number + 1) + each, seats=MOST_SEATS + 1 + each % 200)
            await producer.send(topic, value, partition=each % settings.kafka_partitions)
    return count


async def untaken(settings: Settings, number: int, topic: str, count: int) -> int:
    """Send valid events to one topic, of which nobody keeps the count; returns how many."""
    names = [name for name in NAMES if registry.events[name].topic == topic]
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all") as producer:
        for each in range(count):
            _, value = event(names[each % len(names)], APART * (number + 1) + each)
            await producer.send(topic, value, partition=each % settings.kafka_partitions)
    return count


def _expected(settings: Settings, kinds: Counter[str]) -> dict[str, Any]:
    """What must be found of so many valid events of each type."""
    truth = Truth(
        command="faults",
        run="",
        started_at="",
        sample_rate=settings.location_sample_rate,
        sent=kinds.total(),
        by_type=dict(kinds),
    )
    return expected(truth)
