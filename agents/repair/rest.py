"""What the last batch of an old chain still lacks: its records are read and judged again, less the rows that stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC

from agents.decode import decode
from agents.deduplicate import Memory
from agents.judge import DUPLICATE, Judged, Policy, follow, judge
from agents.remember import Seen
from agents.render import DEAD_LETTERS
from agents.repair.parts import Parts
from agents.suppress import Suppressed, pseudonyms_of
from clickhouse.suppressions import Suppressions
from streams.batch import Decoded, from_runs, runs_by_topic
from streams.errors import ConfigurationError
from streams.intent import Intent, Ranges, Verdict
from streams.topics import raw_table

FOREVER = 10 * 365 * 86_400.0
"""Seconds that an event is remembered here; `since` says how far back."""


@dataclass(slots=True)
class Rest:
    """What a record says about the ranges that it delivers the rest of."""

    ranges: Ranges
    rows: dict[str, int] = field(default_factory=dict)
    days: dict[str, list[str]] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True if nothing is lacking."""
        return not self.rows


async def lacking(
    parts: Parts, shard: int, chain: str, ranges: Ranges, record: Intent | None, at: int, since: int
) -> Rest:
    """Judge the records of `ranges` once more, by their own `record` where it is known, and leave out what has a row.

    `at`: ClickHouse's clock, milliseconds since 1970; `since`: how far back a repeated event counts as a duplicate.
    Raises SourceCut, SinkUnavailable.
    """
    chunks = await parts.source(shard).read(ranges)
    if not chunks:
        return Rest(ranges)
    decoded = {topic: [decode(chunk, parts.settings.event_bytes_limit)] for topic, chunk in chunks.items()}
    if record is not None:
        judged = follow(decoded, record, Policy.of(parts.settings))
    else:
        judged = await _anew(parts, shard, decoded, at, since)
    present = {
        topic: await parts.rows.present(raw_table(topic), shard, chain, topic, *ranges[topic]) for topic in chunks
    }
    return rest(ranges, judged, present, at)


def rest(ranges: Ranges, judged: Judged, present: Mapping[str, set[int]], at: int) -> Rest:
    """The rows that are missing; every offset that has a row, of whatever kind, counts as a duplicate."""
    found = Rest(ranges)
    days: dict[str, set[str]] = {}
    for part in judged.accepted:
        table = raw_table(part.topic)
        left = part.only(set(part.offsets) - present.get(part.topic, set()))
        if left.events:
            found.rows[table] = found.rows.get(table, 0) + len(left.events)
            days.setdefault(table, set()).update(e.time.astimezone(UTC).date().isoformat() for e in left.events)
    dead = [letter for letter in judged.dead if letter.record.offset not in present.get(letter.topic, ())]
    if dead:
        found.rows[DEAD_LETTERS] = len(dead)
    found.days = {table: sorted(values) for table, values in days.items()}
    for topic, (start, end) in ranges.items():
        words = {
            word: {o for o in from_runs(runs) if start <= o < end}
            for word, runs in judged.verdict.get(topic, {}).items()
        }
        standing = present.get(topic, set())
        words = {word: offsets - standing for word, offsets in words.items()}
        words[DUPLICATE] = words.get(DUPLICATE, set()) | standing
        if runs := runs_by_topic(words):
            found.verdict[topic] = runs
    return found


async def _anew(parts: Parts, shard: int, decoded: Mapping[str, list[Decoded]], at: int, since: int) -> Judged:
    """Form an opinion as the old batch did: with the memory of the accepted events below its range."""
    settings = parts.settings
    memory = Memory(settings.duplicate_memory_events, FOREVER)
    for topic, chunks in decoded.items():
        below = chunks[0].chunk.start
        batches = await parts.witness.accepted(
            raw_table(topic), shard, topic, below, since, settings.duplicate_memory_events
        )
        for then, offsets, sources, ids in batches:
            memory.enter(topic, shard, offsets, [Seen(s, i) for s, i in zip(sources, ids, strict=True)], then / 1000)
    suppressed = Suppressed(Suppressions(parts.client), pseudonyms_of(settings))
    if why := await suppressed.look():
        raise ConfigurationError(f"shard {shard} cannot be judged: {why}")
    return judge(dict(decoded), Policy.of(settings, suppressed), at, memory.draft())
