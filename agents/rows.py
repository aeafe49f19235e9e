"""The rows of accepted events as columns, table by table; what a whole batch shares is put to them last.

What differs from event to event is made before the intent is appended. What the batch shares (chain, seq, nonce, the
intent's log offset ...) is known only after, and costs nothing a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, compress
from typing import Any

import numpy as np
import pyarrow as pa

from agents.part import Part
from clickhouse import arrow
from clickhouse.columns import tables
from streams.events.columns import ENVELOPE
from streams.intent import Intent
from streams.moments import Stamps

DAY = 86_400_000
"""Milliseconds."""

_ENVELOPE = {column.name: arrow.arrow_type(column.clickhouse_type) for column in ENVELOPE}


@dataclass(slots=True)
class Rows:
    """Rows of one table, without what their batch shares."""

    offsets: Sequence[tuple[str, Sequence[int]]]
    """Topics with their offsets, stretch after stretch as the rows lie; a topic has one for each of its types."""
    columns: dict[str, arrow.Array]

    @classmethod
    def of(cls, table: str, parts: Sequence[Part]) -> "Rows":
        """The rows of these parts, one after the other. One array a column, for an array costs by its beginning."""
        layout = arrow.Layout([len(part.offsets) for part in parts])
        kinds = kinds_of(table)
        said: dict[str, dict[int, Sequence[Any]]] = {}
        for place, part in enumerate(parts):
            for name, values in part.values.items():
                said.setdefault(name, {})[place] = values
        columns = {name: layout.column(pieces, kinds[name]) for name, pieces in said.items()}
        columns |= {name: layout.of_parts([part.same[name] for part in parts], kinds[name]) for name in parts[0].same}
        columns |= {
            "occurred_at": arrow.stamped(np.concatenate([part.occurred_at for part in parts])),
            "appended_at": arrow.stamped(np.concatenate([part.appended_at for part in parts])),
            "offset": arrow.array([*chain.from_iterable(part.offsets for part in parts)], kinds["offset"]),
        }
        return cls([(part.topic, part.offsets) for part in parts], columns)

    def __len__(self) -> int:
        return sum(len(offsets) for _, offsets in self.offsets)

    def by_topic(self) -> dict[str, set[int]]:
        """The offsets of each topic."""
        found: dict[str, set[int]] = {}
        for topic, offsets in self.offsets:
            found.setdefault(topic, set()).update(offsets)
        return found

    def only(self, wanted: Mapping[str, Iterable[int]]) -> "Rows":
        """The rows with these offsets of these topics."""
        chosen = {topic: set(offsets) for topic, offsets in wanted.items()}
        flags = [[offset in chosen.get(topic, ()) for offset in offsets] for topic, offsets in self.offsets]
        at = np.flatnonzero(np.fromiter(chain.from_iterable(flags), bool, len(self)))
        if len(at) == len(self):
            return self
        kept = ((topic, [*compress(offsets, some)]) for (topic, offsets), some in zip(self.offsets, flags, strict=True))
        columns = {name: column.take(pa.array(at)) for name, column in self.columns.items()}
        return Rows([(topic, offsets) for topic, offsets in kept if offsets], columns)

    @property
    def days(self) -> list[str]:
        """The UTC days that the events lie in, as YYYY-MM-DD, ascending."""
        return [str(np.datetime64(int(day), "D")) for day in np.unique(self.stamps("occurred_at") // DAY)]

    def stamps(self, name: str) -> Stamps:
        """A column of times, milliseconds since 1970."""
        found: Stamps = self.columns[name].view(pa.int64()).to_numpy()
        return found


def body(rows: Rows, intent: Intent, log_offset: int, shard: int) -> tuple[list[str], bytes]:
    """The rows of one table, complete with what their batch shares: names of the columns, and Arrow of one block."""
    count = len(rows)
    shared = _shared(intent, log_offset, shard)
    whole = rows.columns | {name: arrow.constant(value, _ENVELOPE[name], count) for name, value in shared.items()}
    return [*whole], arrow.stream(whole)


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


@cache
def kinds_of(table: str) -> Mapping[str, Any]:
    """The Arrow type of each column of a table, by its name."""
    return {column.name: arrow.arrow_type(column.clickhouse_type) for column in tables()[table]}
