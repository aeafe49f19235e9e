"""Events on the wire for tests: valid ones of any type, by number."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from streams.events import registry
from streams.events.sample import sample


def event(name: str, number: int, *, ago: float = 0.0, **data: Any) -> tuple[str, bytes]:
    """(topic, value) of a valid event whose id is `name-number`; `data` replaces fields, `ago` is in seconds."""
    spec = registry.events[name]
    made = sample(spec, random.Random(number))
    made["id"] = f"{name}-{number}"
    made["time"] = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    made["data"] |= data
    return spec.topic, msgspec.json.encode(made)


def mixed(count: int, first: int = 0, partitions: int = 2, ago: float = 0.0) -> list[tuple[str, int, bytes | None]]:
    """(topic, partition, value) of `count` valid events over all types but the sampled one; `ago` is in seconds."""
    names = [name for name in registry.events if name != "driver.location.updated"]
    records: list[tuple[str, int, bytes | None]] = []
    for number in range(first, first + count):
        topic, value = event(names[number % len(names)], number, ago=ago)
        records.append((topic, number % partitions, value))
    return records


def users(count: int, first: int = 0, ago: float = 0.0) -> list[tuple[str, int, bytes | None]]:
    """(topic, partition, value) of events of one topic in shard 0; `ago` is in seconds."""
    made = [event("user.registered", number, ago=ago) for number in range(first, first + count)]
    return [(topic, 0, value) for topic, value in made]
