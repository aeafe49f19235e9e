"""Render what a batch delivers: rows per table, and dead-letter rows; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.judge import DeadLetter, Judged
from agents.locate import Locate
from agents.part import Part, Rendering, bounded
from agents.rows import Rows
from streams import headers
from streams.batch import Runs, from_runs, runs_by_topic
from streams.events import EventSpec
from streams.intent import Intent, Missing
from streams.topics import raw_table

DEAD_LETTERS = "dead_letters"


@dataclass(slots=True)
class Content:
    """All that one batch delivers."""

    tables: dict[str, Rows] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    days: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, int]:
        """Rows per table; tables without rows are left out."""
        counts = {table: len(rows) for table, rows in self.tables.items()}
        counts[DEAD_LETTERS] = len(self.dead)
        return {table: count for table, count in counts.items() if count}

    def offsets(self) -> dict[str, dict[str, set[int]]]:
        """Per table and topic the offsets that make a row."""
        wanted = {table: rows.by_topic() for table, rows in self.tables.items()}
        for letter in self.dead:
            wanted.setdefault(DEAD_LETTERS, {}).setdefault(letter.topic, set()).add(letter.record.offset)
        return {table: topics for table, topics in wanted.items() if any(topics.values())}

    def only(self, missing: Mapping[str, Mapping[str, set[int] | Runs]]) -> "Content":
        """The part of the content that a superseding record names; sets of offsets or runs."""
        wanted = {
            table: {topic: _as_set(offsets) for topic, offsets in topics.items()} for table, topics in missing.items()
        }
        tables = {table: kept for table, rows in self.tables.items() if len(kept := rows.only(wanted.get(table, {})))}
        dead = wanted.get(DEAD_LETTERS, {})
        letters = [letter for letter in self.dead if letter.record.offset in dead.get(letter.topic, ())]
        return Content(tables, letters, self.days)


def missing_runs(missing: dict[str, dict[str, set[int]]]) -> Missing:
    """Sets of offsets as the runs of a superseding record."""
    return {table: runs for table, topics in missing.items() if (runs := runs_by_topic(topics))}


class Render:
    """Renders judged batches; holds what looks up positions."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._renderings: dict[str, Rendering] = {}

    def __call__(self, judged: Judged, rate: float, ingested_at: int) -> Content:
        """The content of a batch whose record says this sampling rate and `ingested_at`."""
        parts: dict[str, list[Part]] = {}
        for accepted in judged.accepted:
            for kind in accepted.kinds(self._locate):
                parts.setdefault(raw_table(accepted.topic), []).append(self._rendering(kind.columns.spec)(kind, rate))
        tables = {table: Rows.of(table, found) for table, found in parts.items()}
        days = {table: rows.days for table, rows in tables.items()}
        if judged.dead:
            days[DEAD_LETTERS] = [datetime.fromtimestamp(ingested_at / 1000, UTC).date().isoformat()]
        return Content(tables, judged.dead, days)

    def _rendering(self, spec: EventSpec) -> Rendering:
        known = self._renderings.get(spec.name)
        if known is None:
            known = self._renderings[spec.name] = Rendering(spec)
        return known


def dead_letter_rows(dead: Sequence[DeadLetter], intent: Intent, log_offset: int, shard: int) -> list[list[Any]]:
    """Rows of `clickhouse.sink.DEAD_LETTER_COLUMNS`, with the original bytes."""
    at = datetime.fromtimestamp(intent.ingested_at / 1000, UTC)
    return [
        [
            at,
            datetime.fromtimestamp(bounded(letter.record.timestamp) / 1000, UTC),
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
            letter.schema_version or 0,
            letter.record.key or b"",
            letter.record.value or b"",
            [(headers.as_bytes(name), value or b"") for name, value in letter.record.headers],
            letter.record.key is None,
            letter.record.value is None,
            [at for at, (_, value) in enumerate(letter.record.headers) if value is None],
        ]
        for letter in dead
    ]


def _as_set(offsets: set[int] | Runs) -> set[int]:
    return offsets if isinstance(offsets, set) else set(from_runs(offsets))
