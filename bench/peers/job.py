"""The job, in the parts that must be the same for all: rules, duplicates, enrichment, rows, minutes. No I/O.

An engine brings the records and takes the results to where they belong. Engines that work by batches call `take` with
what they fetched of one topic partition; those that work by the record call `one`. Both give the same.
"""

import gc
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from agents import places
from agents.judge import Accepted, Judged
from agents.locate import Locate
from agents.render import Render
from agents.rows import Rows, kinds_of
from clickhouse import arrow
from streams import codec, skew
from streams.codec import EnvelopeStruct, Refusal, spec_of
from streams.topics import raw_table, source_topics
from streams.world import zones

PARTITIONS = 1
"""Of each topic."""
ALL_PARTITIONS = PARTITIONS * len(source_topics())
BATCH_ROWS = 50_000
"""Rows of one insert at most: what the product's own worker takes."""
BATCH_SECONDS = 0.8
"""Age at which a batch is inserted although it is not full: the product's own."""
FETCH_RECORDS = 10_000
"""Records of one fetch at most, where an engine lets it be said."""
SKEW_SECONDS = 300.0
COLD = timedelta(days=730)
REMEMBERED = 2_000_000
"""Events whose (source, id) a process remembers at least, as long as there are so many."""
MINUTE = 60
GRACE = timedelta(minutes=10)
"""How far out of order an event may come and still be counted into its minute."""

WINDOWS = "peer_windows"
WINDOW_COLUMNS = ("minute", "event_type", "part", "events")
WINDOWS_TABLE = f"""
CREATE TABLE {WINDOWS} (minute UInt32, event_type LowCardinality(String), part String, events UInt64)
ENGINE = ReplacingMergeTree ORDER BY (minute, event_type, part)
"""
"""Counts by minute; `part` says whose: a later line of the same part takes the place of an earlier one."""

INSERT_SETTINGS = {
    "async_insert": 0,
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,
    "max_insert_block_size": 10_000_000,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 0,
    "input_format_parallel_parsing": 0,
    "parallel_view_processing": 0,
}
"""One insert is one block, as it is for the product; nothing is looked up by token or content."""
INSERT_FORMAT = "ArrowStream"

REASON = "reason"
"""Header of a dead letter."""

Line = tuple[int, str, str, int]
"""One row of `WINDOW_COLUMNS`."""
Tp = tuple[str, int]
"""Topic and partition."""


class Refused(NamedTuple):
    """One record for the dead-letter topic."""

    value: bytes | None
    reason: str


class Block(NamedTuple):
    """One insert."""

    table: str
    columns: list[str]
    body: bytes | list[list[Any]]
    """In `INSERT_FORMAT`, or rows that the client has to bring into a form of its own."""


@dataclass(slots=True)
class Batch:
    """What was taken and not delivered yet."""

    parts: dict[Tp, Accepted] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    ends: dict[Tp, int] = field(default_factory=dict)
    """The offset after the last one taken, by topic partition."""
    rows: int = 0
    began: float = 0.0

    def due(self) -> bool:
        """Whether it is large or old enough to be delivered."""
        return self.rows >= BATCH_ROWS or (bool(self.ends) and time.monotonic() - self.began >= BATCH_SECONDS)

    def part(self, topic: str, partition: int) -> Accepted:
        """What is accepted of one topic partition."""
        if not self.ends:
            self.began = time.monotonic()
        found = self.parts.get((topic, partition))
        if found is None:
            found = self.parts[topic, partition] = Accepted(topic, partition)
        return found

    def add(self, topic: str, partition: int, offset: int, stamp: int, event: EnvelopeStruct) -> None:
        """One accepted event, by ascending offset."""
        part = self.part(topic, partition)
        part.offsets.append(offset)
        part.stamps.append(stamp)
        part.events.append(event)
        self.rows += 1


class Seen:
    """The ids of the last events of one topic partition, with their offsets, in two generations."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def is_repeat(self, offset: int, event: EnvelopeStruct) -> bool:
        """Whether the same (source, id) stood at an earlier offset; a record fetched again repeats nothing."""
        key = f"{event.source}\n{event.id}"
        first = self._young.get(key)
        if first is None:
            first = self._old.get(key)
        if first is not None:
            return first < offset
        self._young[key] = offset
        if len(self._young) >= self._events:
            self._old, self._young = self._young, {}
        return False


class Job:
    """The stages with what they remember; one for each process."""

    def __init__(self, partitions: int = ALL_PARTITIONS) -> None:
        """`partitions`: topic partitions that this process may have; all of them, if nothing is said."""
        self._spot = Locate(zones.points(), places.load())
        self._render = Render(self._spot)
        self._remembered = REMEMBERED // partitions
        self._seen: dict[Tp, Seen] = {}

    def take(
        self,
        batch: Batch,
        topic: str,
        partition: int,
        offsets: Sequence[int],
        stamps: Sequence[int],
        values: Sequence[bytes | None],
    ) -> None:
        """Decode, validate and deduplicate what was fetched of one topic partition, in order, into the batch."""
        part, seen = batch.part(topic, partition), self._memory(topic, partition)
        events = codec.decode_values(values, topic)
        out: dict[int, str] = {}
        if Refusal in set(map(type, events)):
            out = {i: str(event.reason) for i, event in enumerate(events) if isinstance(event, Refusal)}
        good = [i for i in range(len(events)) if i not in out]
        times = [events[i] for i in good] if out else events
        late = {good[i]: str(reason) for i, reason in _skewed(times).items()}
        before = len(part.events)
        for i in good:
            event: Any = events[i]
            if i not in late and not seen.is_repeat(offsets[i], event):
                part.events.append(event)
                part.offsets.append(offsets[i])
                part.stamps.append(stamps[i])
        batch.refused += [Refused(values[i], reason) for i, reason in (out | late).items()]
        batch.rows += len(part.events) - before
        batch.ends[topic, partition] = offsets[-1] + 1

    def one(self, topic: str, partition: int, offset: int, value: bytes | None) -> EnvelopeStruct | Refused | None:
        """The same for one record: the event, why it is refused, or None for a repeat."""
        event: Any = codec.decode_values([value], topic)[0]
        if type(event) is Refusal:
            return Refused(value, str(event.reason))
        if late := _skewed([event]):
            return Refused(value, str(late[0]))
        found: EnvelopeStruct = event
        return None if self._memory(topic, partition).is_repeat(offset, found) else found

    def blocks(self, batch: Batch) -> list[Block]:
        """Enrich, and make the rows: one insert a table."""
        now = int(time.time() * 1000)
        parts = [*batch.parts.values()]
        content = self._render(Judged(parts), 1.0, now)
        return [
            _block(table, rows, [part for part in parts if raw_table(part.topic) == table], now)
            for table, rows in content.tables.items()
        ]

    def minutes(self, batch: Batch) -> Counter[tuple[int, str, int]]:
        """The batch's events by minute (seconds since 1970), event type and partition."""
        counts: Counter[tuple[int, str, int]] = Counter()
        for part in batch.parts.values():
            for kind in part.kinds(self._spot):
                starts, events = np.unique(kind.columns.stamps // 60_000 * MINUTE, return_counts=True)
                for start, count in zip(starts.tolist(), events.tolist(), strict=True):
                    counts[start, kind.columns.spec.name, part.partition] += count
        return counts

    def _memory(self, topic: str, partition: int) -> Seen:
        found = self._seen.get((topic, partition))
        if found is None:
            found = self._seen[topic, partition] = Seen(self._remembered)
        return found


def minute_of(event: EnvelopeStruct) -> int:
    """The minute that an event is counted into, seconds since 1970."""
    return int(event.time.timestamp()) // MINUTE * MINUTE


def type_of(event: EnvelopeStruct) -> str:
    """The CloudEvents type."""
    return spec_of(type(event)).name


def lines(counts: Counter[tuple[int, str, int]], flush: str) -> list[Line]:
    """Counts as rows of a part of their own. `flush`: a name that no other flush has."""
    total: Counter[tuple[int, str]] = Counter()
    for (minute, kind, _), count in counts.items():
        total[minute, kind] += count
    return [(minute, kind, flush, count) for (minute, kind), count in total.items()]


def settle() -> None:
    """Once everything is loaded: batches are many objects of short life, so collect the young ones rarely.

    The product does the same, and whoever runs one of these engines at its best would find it.
    """
    arrow.without_pandas()
    gc.collect()
    gc.freeze()
    gc.set_threshold(400_000, 20, 50)


def _skewed(events: Sequence[Any]) -> dict[int, Any]:
    now = datetime.now(UTC)
    return dict(skew.verdicts(events, now, SKEW_SECONDS, now - COLD))


def _block(table: str, rows: Rows, parts: Sequence[Accepted], now: int) -> Block:
    """The rows of these parts, in their order."""
    kinds = kinds_of(table)
    shards = np.repeat([part.partition for part in parts], [len(part.offsets) for part in parts])
    same = {"ingested_at": now, "app_version": "peer"}
    shared = {name: arrow.constant(value, kinds[name], len(rows)) for name, value in same.items()}
    whole = rows.columns | shared | {"shard": arrow.array(shards.tolist(), kinds["shard"])}
    return Block(table, [*whole], arrow.stream(whole))
