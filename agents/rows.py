"""The rows of accepted events as columns, by topic and event type; what a whole batch shares is put to them last.

What differs from event to event is made before the intent is appended. What the batch shares (chain, seq, nonce, the
intent's log offset ...) is known only after, and costs nothing a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from agents.device import describe
from agents.judge import Kind
from agents.locate import Locate
from clickhouse import arrow
from clickhouse.columns import tables
from streams.events import EventSpec
from streams.events.columns import ENVELOPE
from streams.intent import Intent
from streams.sampling import SAMPLED_TYPE

LATEST = 10_413_791_999_999
"""The last millisecond of the year 2299."""
DAY = 86_400_000
"""Milliseconds."""

_ENVELOPE = {column.name: arrow.arrow_type(column.clickhouse_type) for column in ENVELOPE}
_USER_AGENT = "user_agent"
_DEVICE = ("device_type", "browser", "os")


@dataclass(slots=True)
class Rows:
    """Rows of one topic and event type, without what their batch shares."""

    topic: str
    offsets: list[int]
    columns: dict[str, arrow.Array]

    def only(self, offsets: set[int]) -> "Rows":
        """The rows with these offsets."""
        kept = [i for i, offset in enumerate(self.offsets) if offset in offsets]
        if len(kept) == len(self.offsets):
            return self
        at = pa.array(kept, pa.int64())
        columns = {name: column.take(at) for name, column in self.columns.items()}
        return Rows(self.topic, [self.offsets[i] for i in kept], columns)

    @property
    def days(self) -> set[str]:
        """The UTC days that the events lie in, as YYYY-MM-DD."""
        stamps = self.columns["occurred_at"].view(pa.int64()).to_numpy()
        return {str(np.datetime64(int(day), "D")) for day in np.unique(stamps // DAY)}


class Rendering:
    """Makes the columns of one event type."""

    def __init__(self, spec: EventSpec, locate: Locate) -> None:
        self._spec = spec
        self._locate = locate
        known = {column.name: column for column in tables()[spec.domain.raw_table]}
        self._kinds = {
            column.name: arrow.arrow_type(known[column.name].clickhouse_type)
            for column in spec.columns
            if column.name in spec.fields or not column.name.endswith(("_latitude", "_longitude"))
        }

    def __call__(self, kind: Kind, rate: float) -> Rows:
        """The rows of these records; `rate`: share of sampled events kept."""
        spec, made, events = self._spec, kind.columns, kind.columns.events
        count = len(events)
        columns = {name: arrow.array(made[name], as_type) for name, as_type in self._kinds.items()}
        for name in spec.positions:
            columns |= self._points(name, events)
        if _USER_AGENT in spec.fields:
            columns |= self._devices(events)
        share = rate if spec.name == SAMPLED_TYPE else 1.0
        columns |= {
            "event_id": pa.array([event.id for event in events], pa.string()),
            "source": pa.array([event.source for event in events], pa.string()),
            "event_type": _same("event_type", spec.name, count),
            "event_version": _same("event_version", spec.version, count),
            "occurred_at": arrow.stamped(made.stamps),
            "appended_at": arrow.stamped(np.clip(np.asarray(kind.stamps, np.int64), 0, LATEST)),
            "offset": pa.array(kind.offsets, pa.uint64()),
            "sample_rate": _same("sample_rate", share, count),
        }
        return Rows(spec.topic, kind.offsets, columns)

    def _points(self, name: str, events: Sequence[Any]) -> dict[str, arrow.Array]:
        points = [self._locate.point(getattr(event.data, name)) for event in events]
        return {
            f"{name}_latitude": pa.array([latitude for latitude, _ in points], pa.float64()),
            f"{name}_longitude": pa.array([longitude for _, longitude in points], pa.float64()),
        }

    @staticmethod
    def _devices(events: Sequence[Any]) -> dict[str, arrow.Array]:
        devices = [describe(event.data.user_agent) for event in events]
        parts = zip(*devices, strict=True)
        return {name: pa.array(part, pa.string()) for name, part in zip(_DEVICE, parts, strict=True)}


def body(parts: Sequence[Rows], intent: Intent, log_offset: int, shard: int) -> tuple[list[str], bytes]:
    """The rows of one table, complete with what their batch shares: names of the columns, and Arrow of one block."""
    counts = [len(part.offsets) for part in parts]
    whole = [
        part.columns | {"topic": _same("topic", part.topic, count)} for part, count in zip(parts, counts, strict=True)
    ]
    shared = {name: _same(name, value, sum(counts)) for name, value in _shared(intent, log_offset, shard).items()}
    return arrow.stream(whole, counts, shared)


def bounded(stamp: int) -> int:
    """A timestamp as a DateTime64 can hold it: a producer may send any number."""
    return min(max(stamp, 0), LATEST)


def _shared(intent: Intent, log_offset: int, shard: int) -> dict[str, Any]:
    """The envelope columns that all rows of a batch share."""
    return {
        "ingested_at": intent.ingested_at,
        "shard": shard,
        "chain": intent.chain,
        "intent": intent.seq,
        "nonce": intent.nonce,
        "intent_offset": log_offset,
        "app_version": intent.version,
        "watermark": intent.watermark,
    }


def _same(name: str, value: Any, count: int) -> arrow.Array:
    return arrow.constant(value, _ENVELOPE[name], count)
