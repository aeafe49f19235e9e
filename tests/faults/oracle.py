"""What must be in ClickHouse, judged from the topics alone: every record read back, none of the workers asked."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
CONTESTED_TYPE, MOST_SEATS = "booking.created", 8
"""Bookings of more seats are refused by the version that narrows what is valid; nobody else sends any."""
Place = tuple[str, int]
"""Topic and partition."""
Says = dict[int, list[tuple[int, str]]]
"""By offset a hash of what each row must say, and of a dead letter the reason.

A topic that was created anew counts from 0 again: then an offset has a row of each record that ever stood there.
"""


@dataclass
class Wanted:
    """By table and place what must be there."""

    rows: dict[str, dict[Place, Says]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    )
    contested: dict[Place, dict[int, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))
    """Events that one version takes and another refuses: the hash of the row and of the dead letter, one of which is
    there.
    """
    duplicates: int = 0
    sampled_out: int = 0
    records: int = 0
    """All that a reader of committed records sees."""

    def counts(self) -> dict[str, Any]:
        """In the form of `streams.world.truth.expected`."""
        rows = {
            table: sum(len(each) for place in places.values() for each in place.values())
            for table, places in self.rows.items()
            if table != "dead_letters"
        }
        letters = self.rows["dead_letters"].values()
        reasons = Counter(reason for place in letters for each in place.values() for _, reason in each)
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


class Oracle:
    """Reads the source topics on, and judges every record once; before a topic is cut it has to be asked."""

    def __init__(self, settings: Settings) -> None:
        self.wanted = Wanted()
        self._settings = settings
        self._seen: dict[TopicPartition, set[tuple[str, str]]] = {
            TopicPartition(topic, n): set() for topic in source_topics() for n in range(settings.kafka_partitions)
        }
        self._next: dict[TopicPartition, int] = {}
        """Where each topic is read on; its first offset before it was read."""

    async def read(self) -> Wanted:
        """Judge all that has come, up to the present end of every source topic."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_poll_records=5000,
        )
        await consumer.start()
        try:
            places = list(self._seen)
            consumer.assign(places)
            await asyncio.sleep(0)
            for place, begin in (await consumer.beginning_offsets(places)).items():
                self._next.setdefault(place, begin)
                assert self._next[place] >= begin, f"{place} was cut before its records were judged"
                consumer.seek(place, self._next[place])
            for place, end in (await consumer.end_offsets(places)).items():
                assert self._next[place] <= end, f"{place} was created anew, and the oracle was not told"
                while await consumer.position(place) < end:
                    for fetched, records in (await consumer.getmany(timeout_ms=500)).items():
                        judge(self._settings, self.wanted, records, self._seen[fetched])
            for place in places:
                self._next[place] = await consumer.position(place)
        finally:
            await stop(consumer)
        return self.wanted

    def created_anew(self, *topics: str) -> None:
        """These are other topics now, whose offsets count from 0; what they held has been judged."""
        self._next |= dict.fromkeys((place for place in self._next if place.topic in topics), 0)

    def passes_over(self, topic: str, ends: Mapping[int, int]) -> None:
        """What this topic holds below these offsets, by partition, is to be lost: nobody has taken it."""
        self._next |= {TopicPartition(topic, number): end for number, end in ends.items()}


def judge(settings: Settings, wanted: Wanted, records: Sequence[ConsumerRecord], seen: set[tuple[str, str]]) -> None:
    """Judge records of one partition, in their order; `seen` holds source and id of those accepted before."""
    bound = threshold(settings.location_sample_rate)
    for record in records:
        wanted.records += 1
        place = (record.topic, record.partition)
        event = _decoded(record, settings)
        reason = event.reason if isinstance(event, Refusal) else _skewed(event, record.timestamp / 1000, settings)
        if reason is not None:
            wanted.rows["dead_letters"][place][record.offset].append(
                (bytes_hash(record.key, record.value), str(reason))
            )
            continue
        name = spec_of(type(event)).name
        if name == SAMPLED_TYPE and ticket(event.data.driver_id, event.time.timestamp()) >= bound:
            wanted.sampled_out += 1
        elif (event.source, event.id) in seen:
            wanted.duplicates += 1
        else:
            seen.add((event.source, event.id))
            says = event_hash(event.source, event.id, name)
            if is_contested(event):
                wanted.contested[place][record.offset] = (says, bytes_hash(record.key, record.value))
                continue
            wanted.rows[registry.events[name].domain.raw_table][place][record.offset].append((says, ""))
            for table in {FAMILIES.get(record.topic), FAMILY_TYPES.get(name)} - {None}:
                wanted.rows[str(table)][place][record.offset].append((0, ""))


def is_contested(event: Any) -> bool:
    """Whether another version refuses the event: see `versions.NARROWER`."""
    return bool(spec_of(type(event)).name == CONTESTED_TYPE and event.data.seats > MOST_SEATS)


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
