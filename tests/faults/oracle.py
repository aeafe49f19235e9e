"""What must be in ClickHouse, judged from the topics alone: every record read back, none of the workers asked."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from xxhash import xxh64_intdigest

from agents.consumer import stop
from streams import codec
from streams.codec import Refusal, spec_of
from streams.errors import Reject
from streams.events import registry
from streams.sampling import SAMPLED_TYPE, threshold, ticket
from streams.settings import Settings
from streams.topics import source_topics
from streams.world.truth import FAMILIES, FAMILY_TYPES

DAY = 86_400.0
Place = tuple[str, int]
"""Topic and partition."""


@dataclass
class Wanted:
    """By table and place the offsets that must make a row there, and a hash of what the row must say."""

    rows: dict[str, dict[Place, dict[int, int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    reasons: dict[Place, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    """Of dead letters."""
    duplicates: int = 0
    sampled_out: int = 0
    records: int = 0
    """All that a reader of committed records sees."""

    def counts(self) -> dict[str, Any]:
        """In the form of `streams.world.truth.expected`."""
        rows = {table: sum(map(len, places.values())) for table, places in self.rows.items() if table != "dead_letters"}
        reasons = Counter(reason for place in self.reasons.values() for reason in place.values())
        return {
            "rows": {table: count for table, count in rows.items() if count},
            "dead_letters": dict(reasons),
            "duplicates": self.duplicates,
            "sampled_out": self.sampled_out,
        }


def event_hash(source: str, event_id: str, event_type: str) -> int:
    """What a raw row says, as `xxHash64(concat(source, '\\\\n', event_id, '\\\\n', event_type))` of ClickHouse."""
    return xxh64_intdigest(f"{source}\n{event_id}\n{event_type}".encode())


def bytes_hash(key: bytes | None, value: bytes | None) -> int:
    """What a dead letter holds: its key and its bytes, and whether they were there at all."""
    parts = [str(each is None).lower().encode() + (each or b"") for each in (key, value)]
    return xxh64_intdigest(b"\n".join(parts))


async def read(settings: Settings) -> Wanted:
    """Read every source topic from its first offset to its end, and judge every record."""
    wanted = Wanted()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=5000,
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, n) for topic in source_topics() for n in range(settings.kafka_partitions)]
        consumer.assign(places)
        await asyncio.sleep(0)
        seen: dict[TopicPartition, set[tuple[str, str]]] = {place: set() for place in places}
        await consumer.seek_to_beginning(*places)
        for place, end in (await consumer.end_offsets(places)).items():
            while await consumer.position(place) < end:
                for fetched, records in (await consumer.getmany(timeout_ms=500)).items():
                    judge(settings, wanted, records, seen[fetched])
    finally:
        await stop(consumer)
    return wanted


def judge(settings: Settings, wanted: Wanted, records: Sequence[ConsumerRecord], seen: set[tuple[str, str]]) -> None:
    """Judge records of one partition, in their order; `seen` holds source and id of those accepted before."""
    bound = threshold(settings.location_sample_rate)
    for record in records:
        wanted.records += 1
        place = (record.topic, record.partition)
        event = _decoded(record, settings)
        reason = event.reason if isinstance(event, Refusal) else _skewed(event, record.timestamp / 1000, settings)
        if reason is not None:
            wanted.rows["dead_letters"][place][record.offset] = bytes_hash(record.key, record.value)
            wanted.reasons[place][record.offset] = str(reason)
            continue
        name = spec_of(type(event)).name
        if name == SAMPLED_TYPE and ticket(event.data.driver_id, event.time.timestamp()) >= bound:
            wanted.sampled_out += 1
        elif (event.source, event.id) in seen:
            wanted.duplicates += 1
        else:
            seen.add((event.source, event.id))
            spec = registry.events[name]
            wanted.rows[spec.domain.raw_table][place][record.offset] = event_hash(event.source, event.id, name)
            for table in {FAMILIES.get(record.topic), FAMILY_TYPES.get(name)} - {None}:
                wanted.rows[str(table)][place][record.offset] = 0


def _decoded(record: ConsumerRecord, settings: Settings) -> Any:
    """The models' verdict; the workers ask a faster decoder first."""
    if record.value is None or len(record.value) > settings.event_bytes_limit:
        return codec.malformed("no value, or too long a one")
    return codec.judge(record.value, registry, record.topic)


def _skewed(event: Any, appended_at: float, settings: Settings) -> Reject | None:
    """Whether the event's time cannot stand, judged by the time of the record.

    A worker judges by the time of its batch. Nothing here lies near the limits.
    """
    ahead = event.time.timestamp() - appended_at
    if ahead > settings.skew_seconds:
        return Reject.IN_FUTURE
    return Reject.TOO_OLD if -ahead > settings.metrics_cold_days * DAY else None
