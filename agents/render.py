"""Render what a batch delivers: JSON lines per table, and dead-letter rows; pure.

A line has two halves. What differs from event to event is rendered before the intent is appended; what the whole
batch shares (chain, seq, nonce, the intent's log offset ...) is known only after, and is put between the halves by
one `join` per topic.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from agents.device import fragment
from agents.judge import Accepted, DeadLetter, Judged
from streams import headers
from streams.batch import Runs, from_runs, runs_by_topic
from streams.codec import EnvelopeStruct, payload_json, spec_of
from streams.intent import Intent, Missing
from streams.sampling import SAMPLED_TYPE
from streams.topics import raw_table

DEAD_LETTERS = "dead_letters"
LATEST = 10_413_791_999_999
"""The last millisecond of the year 2299."""


@dataclass(slots=True)
class Halves:
    """The rows of one topic without their batch's constants."""

    topic: str
    offsets: list[int]
    texts: list[bytes]
    """JSON objects without their opening brace."""

    def only(self, offsets: set[int]) -> "Halves":
        """The rows with these offsets."""
        kept = [i for i, offset in enumerate(self.offsets) if offset in offsets]
        return Halves(self.topic, [self.offsets[i] for i in kept], [self.texts[i] for i in kept])


@dataclass(slots=True)
class Content:
    """All that one batch delivers."""

    tables: dict[str, list[Halves]] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    days: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, int]:
        """Rows per table; tables without rows are left out."""
        counts = {table: sum(len(part.offsets) for part in parts) for table, parts in self.tables.items()}
        counts[DEAD_LETTERS] = len(self.dead)
        return {table: count for table, count in counts.items() if count}

    def offsets(self) -> dict[str, dict[str, set[int]]]:
        """Per table and topic the offsets that make a row."""
        wanted = {table: {part.topic: set(part.offsets) for part in parts} for table, parts in self.tables.items()}
        dead: dict[str, set[int]] = {}
        for letter in self.dead:
            dead.setdefault(letter.topic, set()).add(letter.record.offset)
        return {table: topics for table, topics in (wanted | {DEAD_LETTERS: dead}).items() if any(topics.values())}

    def only(self, missing: Mapping[str, Mapping[str, set[int] | Runs]]) -> "Content":
        """The part of the content that a superseding record names; sets of offsets or runs."""
        wanted = {
            table: {topic: _as_set(offsets) for topic, offsets in topics.items()} for table, topics in missing.items()
        }
        tables = {
            table: [part.only(wanted[table].get(part.topic, set())) for part in parts]
            for table, parts in self.tables.items()
            if table in wanted
        }
        dead = wanted.get(DEAD_LETTERS, {})
        letters = [letter for letter in self.dead if letter.record.offset in dead.get(letter.topic, ())]
        return Content(tables, letters, self.days)


def missing_runs(missing: dict[str, dict[str, set[int]]]) -> Missing:
    """Sets of offsets as the runs of a superseding record."""
    return {table: runs for table, topics in missing.items() if (runs := runs_by_topic(topics))}


class Render:
    """Renders judged batches; holds what looks up positions."""

    def __init__(self, locate: Callable[[Sequence[Any]], list[bytes]]) -> None:
        self._locate = locate

    def __call__(self, judged: Judged, rate: float, ingested_at: int) -> Content:
        """The content of a batch whose record says this sampling rate and `ingested_at`."""
        content = Content(dead=judged.dead)
        days: dict[str, set[str]] = {}
        for part in judged.accepted:
            if part.events:
                table = raw_table(part.topic)
                content.tables.setdefault(table, []).append(self._halves(part, rate))
                days.setdefault(table, set()).update(_days(part.events))
        if judged.dead:
            days[DEAD_LETTERS] = {datetime.fromtimestamp(ingested_at / 1000, UTC).date().isoformat()}
        content.days = {table: sorted(values) for table, values in days.items()}
        return content

    def _halves(self, part: Accepted, rate: float) -> Halves:
        events = part.events
        shared = {kind: _kind(kind, rate) for kind in set(map(type, events))}
        kinds = [shared[type(event)] for event in events]
        devices = [
            fragment(event.data.user_agent) if kind.has_device else b""
            for kind, event in zip(kinds, events, strict=True)
        ]
        own = _lines(
            [
                _Own(event.id, event.source, event.time, stamp / 1000, offset)
                for event, stamp, offset in zip(events, _bounded(part.stamps), part.offsets, strict=True)
            ]
        )
        places = self._locate(events)
        payloads = payload_json(events)
        texts = [
            b"%b%b%b%b,%b}" % pieces
            for pieces in zip([kind.text for kind in kinds], places, devices, payloads, own, strict=True)
        ]
        return Halves(part.topic, part.offsets, texts)


def lines(parts: Sequence[Halves], intent: Intent, log_offset: int, shard: int) -> list[bytes]:
    """The rows of one table as pieces of JSON lines, complete with what their batch shares."""
    pieces = []
    for part in parts:
        if part.texts:
            shared = b"{" + _encode(_Shared.of(intent, log_offset, shard, part.topic))[1:-1] + b","
            pieces.append(shared + (b"\n" + shared).join(part.texts) + b"\n")
    return pieces


def dead_letter_rows(dead: Sequence[DeadLetter], intent: Intent, log_offset: int, shard: int) -> list[list[Any]]:
    """Rows of `clickhouse.sink.DEAD_LETTER_COLUMNS`, with the original bytes."""
    at = datetime.fromtimestamp(intent.ingested_at / 1000, UTC)
    return [
        [
            at,
            datetime.fromtimestamp(_bounded([letter.record.timestamp])[0] / 1000, UTC),
            intent.chain,
            shard,
            letter.topic,
            letter.partition,
            letter.record.offset,
            intent.seq,
            intent.nonce,
            log_offset,
            intent.version,
            str(letter.reason),
            letter.field,
            letter.message,
            letter.event_type,
            letter.event_id,
            letter.source,
            letter.schema_version,
            letter.record.key or b"",
            letter.record.value or b"",
            [(headers.as_bytes(name), value or b"") for name, value in letter.record.headers],
            letter.record.key is None,
            letter.record.value is None,
            [at for at, (_, value) in enumerate(letter.record.headers) if value is None],
        ]
        for letter in dead
    ]


class _Shared(msgspec.Struct):
    """The envelope columns that all rows of a batch and topic share."""

    ingested_at: float
    topic: str
    shard: int
    chain: str
    intent: int
    nonce: str
    intent_offset: int
    app_version: str
    watermark: float

    @classmethod
    def of(cls, intent: Intent, log_offset: int, shard: int, topic: str) -> "_Shared":
        at = intent.ingested_at / 1000
        chain = (intent.chain, intent.seq, intent.nonce, log_offset, intent.version)
        return cls(at, topic, shard, *chain, intent.watermark / 1000)


class _Own(msgspec.Struct, gc=False):
    """The envelope columns that each row has for itself. Times are seconds or RFC 3339; ClickHouse reads both."""

    event_id: str
    source: str
    occurred_at: datetime
    appended_at: float
    offset: int


class _Kind(NamedTuple):
    """What all rows of one event type share."""

    text: bytes
    has_device: bool


_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


def _kind(struct: type[EnvelopeStruct], rate: float) -> _Kind:
    spec = spec_of(struct)
    shared = {
        "event_type": spec.name,
        "event_version": spec.version,
        "sample_rate": rate if spec.name == SAMPLED_TYPE else 1.0,
    }
    return _Kind(_encode(shared)[1:-1] + b",", "user_agent" in spec.fields)


def _lines(rows: list[_Own]) -> list[bytes]:
    """The JSON of every row, without braces; a raw line break never stands inside JSON text."""
    return _encoder.encode_lines(rows)[1:-2].split(b"}\n{")


def _bounded(stamps: list[int]) -> list[int]:
    """Timestamps as a DateTime64 can hold them: a producer may send any number."""
    if min(stamps) >= 0 and max(stamps) <= LATEST:
        return stamps
    return [min(max(stamp, 0), LATEST) for stamp in stamps]


def _days(events: Sequence[Any]) -> set[str]:
    """The UTC days that the events lie in."""
    days = {event.time.date() if event.time.tzinfo is UTC else event.time.astimezone(UTC).date() for event in events}
    return {day.isoformat() for day in days}


def _as_set(offsets: set[int] | Runs) -> set[int]:
    return offsets if isinstance(offsets, set) else set(from_runs(offsets))
