"""Judge the decoded records of a batch: rows, dead letters, duplicates and samples left out.

`judge` forms the opinion of a new batch; `follow` takes the opinion that a record of the log holds, which is what a
second delivery does (the record decides, R11).
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import compress
from operator import attrgetter
from typing import Any

from agents import sample
from agents.deduplicate import Draft
from agents.suppress import NOBODY, Suppressor
from streams import skew
from streams.batch import Chunk, Decoded, Record, from_runs, runs_by_topic
from streams.codec import Refusal, spec_of
from streams.errors import Reject
from streams.events import registry
from streams.intent import Intent, Verdict
from streams.settings import Settings
from tables.columns import Columns, Spotter, by_type

_start, _offset = attrgetter("chunk.start"), attrgetter("offset")

DUPLICATE = "duplicate"
SAMPLED_OUT = "sampled_out"
SUPPRESSED = "suppressed"
"""The event names a person who was erased."""
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Kind:
    """The accepted records of one topic that are of one event type; the lists run in parallel."""

    columns: Columns
    """What the events say, computed once for their rows and for all windows."""
    offsets: list[int]
    stamps: list[int]


@dataclass(slots=True)
class Accepted:
    """The records of one topic that become rows; the lists run in parallel, by ascending offset."""

    topic: str
    partition: int
    offsets: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    """The records' timestamps, milliseconds since 1970."""
    events: list[Any] = field(default_factory=list)
    _kinds: list[Kind] | None = field(default=None, repr=False, compare=False)

    def kinds(self, spot: Spotter) -> list[Kind]:
        """The records by event type, kept from the first call on: `spot` must always say the same."""
        if self._kinds is None:
            self._kinds = [
                Kind(columns, _at(self.offsets, places), _at(self.stamps, places))
                for columns, places in by_type(self.events, spot)
            ]
        return self._kinds

    def types(self) -> Counter[str]:
        """How many records there are of each event type."""
        if self._kinds is None:
            return Counter(spec_of(type(event)).name for event in self.events)
        return Counter({kind.columns.spec.name: len(kind.offsets) for kind in self._kinds})

    def only(self, offsets: set[int]) -> "Accepted":
        """The part with these offsets."""
        kept = [i for i, offset in enumerate(self.offsets) if offset in offsets]
        return Accepted(
            self.topic,
            self.partition,
            [self.offsets[i] for i in kept],
            [self.stamps[i] for i in kept],
            [self.events[i] for i in kept],
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that makes no row, and why."""

    topic: str
    partition: int
    record: Record
    reason: Reject
    field: str = ""
    message: str = ""
    event_type: str = ""
    event_id: str = ""
    source: str = ""
    schema_version: int | None = None
    """Of the event's type; None where the type is not known."""

    @classmethod
    def of(
        cls, chunk: Chunk, record: Record, event: Any, reason: Reject | None = None, field: str = "", message: str = ""
    ) -> "DeadLetter":
        """The letter of a decoded record; a refusal names the field, and what is not given here, itself."""
        if isinstance(event, Refusal):
            spec = registry.events.get(event.event_type or "")
            return cls(
                chunk.topic,
                chunk.partition,
                record,
                reason or event.reason,
                event.field or "",
                message or event.message,
                event.event_type or "",
                event.event_id or "",
                event.source or "",
                spec.version if spec else None,
            )
        assert reason is not None
        spec = spec_of(type(event))
        return cls(
            chunk.topic,
            chunk.partition,
            record,
            reason,
            field,
            message,
            spec.name,
            event.id,
            event.source,
            spec.version,
        )


@dataclass(slots=True)
class Judged:
    """What becomes of every record of a batch."""

    accepted: list[Accepted] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    verdict: Verdict = field(default_factory=dict)
    unreadable: dict[str, set[int]] = field(default_factory=dict)
    """Offsets that the record accepts and this version cannot read; only a second delivery has them."""
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events left out without a dead letter, by event type and word; `unknown` where the event cannot be read."""

    def leave_out(self, word: str, part: Accepted, indexes: set[int]) -> list[int]:
        """Take events out of the part and count them; returns their offsets."""
        for kind, count in Counter(type(part.events[i]) for i in indexes).items():
            self.left_out[spec_of(kind).name, word] += count
        return _drop(part, indexes)

    @property
    def records(self) -> int:
        """Records judged that were not left out by sampling or as duplicates."""
        return sum(len(part.offsets) for part in self.accepted) + len(self.dead)


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that an opinion depends on."""

    skew_seconds: float
    cold_days: int
    sample_rate: float
    suppressed: Suppressor = NOBODY

    @classmethod
    def of(cls, settings: Settings, suppressed: Suppressor = NOBODY) -> "Policy":
        """As these settings say."""
        return cls(settings.skew_seconds, settings.metrics_cold_days, settings.location_sample_rate, suppressed)

    def limits(self, ingested_at: int) -> tuple[datetime, float, datetime]:
        """What `streams.skew` holds event times to, for a batch ingested then (milliseconds since 1970)."""
        now = datetime.fromtimestamp(ingested_at / 1000, UTC)
        return now, self.skew_seconds, now - timedelta(days=self.cold_days)


def judge(decoded: Mapping[str, list[Decoded]], policy: Policy, ingested_at: int, draft: Draft) -> Judged:
    """Judge a new batch. `ingested_at` (milliseconds since 1970) is the only clock that is looked at.

    `draft` remembers the accepted events; enter it when the batch's intent is valid.
    """
    limits = policy.limits(ingested_at)
    judged = Judged()
    for topic, chunks in decoded.items():
        if not chunks:
            continue
        part, dead = _split(topic, chunks)
        suppressed, dead = _suppressed(judged, part, dead, policy.suppressed)
        dead += _skewed(part, chunks, limits)
        words: dict[str, list[int]] = {}
        for letter in dead:
            words.setdefault(letter.reason, []).append(letter.record.offset)
        words[SUPPRESSED] = suppressed
        words[SAMPLED_OUT] = judged.leave_out(SAMPLED_OUT, part, sample.left_out(part.events, policy.sample_rate))
        repeated = draft.duplicates(topic, part.partition, part.offsets, part.events, ingested_at / 1000)
        words[DUPLICATE] = judged.leave_out(DUPLICATE, part, repeated)
        judged.accepted.append(part)
        judged.dead += sorted(dead, key=lambda letter: letter.record.offset)
        if runs := runs_by_topic(words):
            judged.verdict[topic] = runs
    return judged


def follow(decoded: Mapping[str, list[Decoded]], intent: Intent, policy: Policy) -> Judged:
    """Take the opinion of a record of the log; where this version would think otherwise, the record wins.

    The record does not keep the words of refusal: they are formed again from the event, and by `policy`.
    """
    judged = Judged(verdict=intent.verdict)
    for topic, chunks in decoded.items():
        reasons = {o: word for word, runs in intent.verdict.get(topic, {}).items() for o in from_runs(runs)}
        part = Accepted(topic, chunks[0].chunk.partition) if chunks else Accepted(topic, 0)
        for chunk in chunks:
            for record, event in zip(chunk.chunk.records, chunk.events, strict=True):
                word = reasons.get(record.offset)
                if word is None and isinstance(event, Refusal):
                    judged.unreadable.setdefault(topic, set()).add(record.offset)
                elif word is None:
                    part.offsets.append(record.offset)
                    part.stamps.append(record.timestamp)
                    part.events.append(event)
                elif word in (DUPLICATE, SAMPLED_OUT, SUPPRESSED):
                    name = "unknown" if isinstance(event, Refusal) else spec_of(type(event)).name
                    judged.left_out[name, word] += 1
                elif word != LOST:
                    said = _said_again(event, Reject(word), intent, policy)
                    judged.dead.append(DeadLetter.of(chunk.chunk, record, event, Reject(word), *said))
        judged.accepted.append(part)
    return judged


def _split(topic: str, chunks: list[Decoded]) -> tuple[Accepted, list[DeadLetter]]:
    """Part the records that were read from those that were refused."""
    part = Accepted(topic, chunks[0].chunk.partition)
    dead: list[DeadLetter] = []
    for decoded in chunks:
        records = decoded.chunk.records
        if decoded.refused:
            dead += [DeadLetter.of(decoded.chunk, records[i], decoded.events[i]) for i in decoded.refused]
            kept = _all_but(decoded.refused, len(records))
            part.events += compress(decoded.events, kept)
            records = list(compress(records, kept))
        else:
            part.events += decoded.events
        part.offsets += [record.offset for record in records]
        part.stamps += [record.timestamp for record in records]
    return part, dead


def _said_again(event: Any, reason: Reject, intent: Intent, policy: Policy) -> tuple[str, str]:
    """Field and message of what the record refuses; both empty where this version's refusal says them."""
    if isinstance(event, Refusal):
        return "", ""
    if reason in (Reject.IN_FUTURE, Reject.TOO_OLD):
        return "time", skew.words(event.time, *policy.limits(intent.ingested_at))
    if reason is Reject.REFUSED:
        return "", "ClickHouse refused the row; its words were lost with the worker that heard them"
    return "", f"refused by version {intent.version}, which this version would not have done"


def _skewed(part: Accepted, chunks: list[Decoded], limits: tuple[datetime, float, datetime]) -> list[DeadLetter]:
    verdicts = skew.verdicts(part.events, *limits)
    if not verdicts:
        return []
    dead = []
    for i, reason in verdicts.items():
        event = part.events[i]
        words = skew.words(event.time, *limits)
        dead.append(DeadLetter.of(*_found(part.offsets[i], chunks), event, reason, "time", words))
    _drop(part, verdicts.keys())
    return dead


def _found(offset: int, chunks: list[Decoded]) -> tuple[Chunk, Record]:
    """The record at an offset; chunks and records are in order."""
    chunk = chunks[bisect_right(chunks, offset, key=_start) - 1].chunk
    return chunk, chunk.records[bisect_left(chunk.records, offset, key=_offset)]


def _suppressed(
    judged: Judged, part: Accepted, dead: list[DeadLetter], suppressor: Suppressor
) -> tuple[list[int], list[DeadLetter]]:
    """Leave out what is of an erased person, before anything else is said of it; its offsets, and the other letters."""
    domain = part.topic.partition(".")[0]
    offsets = judged.leave_out(SUPPRESSED, part, suppressor.indexes(part.events, domain))
    kept = []
    for letter in dead:
        if suppressor.has_key(letter.record.key, domain):
            judged.left_out["unknown", SUPPRESSED] += 1
            offsets.append(letter.record.offset)
        else:
            kept.append(letter)
    return offsets, kept


def _drop(part: Accepted, indexes: Iterable[int]) -> list[int]:
    """Take these positions out of the part; returns their offsets."""
    out = set(indexes)
    if not out:
        return []
    offsets = [part.offsets[i] for i in out]
    kept = _all_but(out, len(part.offsets))
    part.offsets = list(compress(part.offsets, kept))
    part.stamps = list(compress(part.stamps, kept))
    part.events = list(compress(part.events, kept))
    part._kinds = None
    return offsets


def _at(values: list[int], places: list[int] | None) -> list[int]:
    """The values at these places; None: all."""
    return values if places is None else [values[place] for place in places]


def _all_but(indexes: Iterable[int], count: int) -> bytearray:
    """Of so many positions 1 for each that stays."""
    kept = bytearray(b"\1") * count
    for i in indexes:
        kept[i] = 0
    return kept
