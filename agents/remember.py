"""Rebuild the memory of accepted events of one shard from ClickHouse, on assignment (R12)."""

from collections.abc import Mapping
from typing import NamedTuple

from agents.deduplicate import Memory
from agents.deliver import Store
from streams.topics import raw_table


class Seen(NamedTuple):
    """An accepted event, as ClickHouse remembers it."""

    source: str
    id: str


async def remember(
    shard: int, below: Mapping[str, int], memory: Memory, store: Store, seconds: float, limit: int
) -> int:
    """Enter the accepted events of the last `seconds` below these offsets, at most `limit` a topic; tells how many."""
    since = await store.clock.now() - int(seconds * 1000)
    count = 0
    tables = {raw_table(topic) for topic in below}
    fresh = {topic for table in tables for topic in await store.witness.topics_since(table, shard, since)}
    for topic, end in below.items():
        memory.forget(topic, shard)
        if topic not in fresh:
            continue
        batches = await store.witness.accepted(raw_table(topic), shard, topic, end, since, limit)
        for at, offsets, sources, ids in batches:
            events = [Seen(source, id_) for source, id_ in zip(sources, ids, strict=True)]
            memory.enter(topic, shard, offsets, events, at / 1000)
            count += len(offsets)
    return count
