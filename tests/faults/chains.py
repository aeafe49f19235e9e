"""The log of intents as it stands, read from what ClickHouse testifies to, and held to what a chain promises."""

from collections.abc import Iterable, Iterator

from agents import audit
from agents.audit import Log
from agents.build import groupless
from clickhouse.witness import Delivered
from streams.intent import Intent
from streams.settings import Settings
from tests.support.found import query
from tests.support.promises import astray

NEWEST = "SELECT chain, intent, nonce, intent_offset FROM delivered WHERE shard = {} ORDER BY intent DESC LIMIT 1"


async def log_of(settings: Settings, shard: int) -> Log:
    """Every record of a shard's log, valid or void; also where its head is gone."""
    seen = [Delivered(*row) for row in query(settings, NEWEST.format(shard))]
    return await audit.read(settings.kafka_intents_topic, shard, groupless(settings), seen[0] if seen else None)


async def disordered(settings: Settings) -> list[str]:
    """Ranges of valid records that do not follow one another."""
    found = []
    for shard in range(settings.kafka_partitions):
        log = await log_of(settings, shard)
        valid = [entry.intent for entry in log.entries if entry.is_valid and entry.intent is not None]
        found += [f"shard {shard}: {what}" for what in unlinked(valid)]
    return found


def unlinked(records: Iterable[Intent]) -> Iterator[str]:
    """Of the valid records of a shard, in their order, the ranges that do not follow; a chain may begin anew."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for record in records:
        if record.begins:
            ranges = {}
        for topic, span in record.ranges.items():
            before = ranges.setdefault(topic, [])
            before[:] = [*before[-1:], span]
            if astray(before):
                yield f"record {record.seq} takes {topic} from {span[0]} on, the one before it ended at {before[0][1]}"
