"""The SQL that counts panes again from the rows of ClickHouse (R12): partial states, never row by row. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tables.aggregates import Aggregate
from tables.window import Measures, Slices
from tables.wire import Key


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows of a shard are counted: of the present chain those below the last batch, of older chains all."""

    shard: int
    chain: str
    below: Mapping[str, int]
    """Per topic the offset at which the last batch starts."""
    since: int
    """Seconds since 1970; panes that ended before it are of no use any more."""

    def parameters(self) -> dict[str, Any]:
        """Values of the query's placeholders."""
        return {
            "shard": self.shard,
            "chain": self.chain,
            "since": self.since,
            "topics": list(self.below),
            "offsets": list(self.below.values()),
        }


def statement(slices: Slices) -> str:
    """One row a pane and key: start, key columns, revision, and a partial for each measure; see `read`."""
    over, pane = slices.over, slices.pane
    keys = [_key(name) for name in over.key]
    wanted = f" AND {_key(over.where)} != {0 if over.where.endswith('_cell') else chr(39) * 2}" if over.where else ""
    fields = ",\n    ".join(
        [f"intDiv(toUnixTimestamp(occurred_at), {pane}) * {pane} AS start", *keys, "max(intent)", *partials_of(over)]
    )
    return (
        f"SELECT\n    {fields}\nFROM {over.domain.raw_table}\nWHERE {rows_of(over)}\n"
        f"  AND (start + {pane + over.lateness}) * 1000 > toUnixTimestamp64Milli(watermark){wanted}\n"
        f"GROUP BY {', '.join(['start', *keys])}"
    )


def rows_of(over: Measures) -> str:
    """The condition on rows that `Bounds` gives the values for."""
    types = ", ".join(f"'{name}'" for name in over.on)
    return (
        f"shard = {{shard:UInt16}} AND event_type IN ({types})\n"
        "  AND occurred_at >= fromUnixTimestamp64Milli({since:Int64} * 1000)\n"
        "  AND (chain != {chain:String}\n"
        "    OR offset < transform(topic, {topics:Array(String)}, {offsets:Array(UInt64)}, toUInt64(0)))"
    )


def partials_of(over: Measures) -> list[str]:
    """A partial for each measure."""
    return [measure.sql(_condition(measure)) for measure in over.measures]


def read(slices: Slices, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[int, Key, list[Any], int]]:
    """Start, key, states and revision of every line that `statement` gave."""
    width = len(slices.over.key)
    for start, *rest in rows:
        key, revision, partials = tuple(rest[:width]), rest[width], rest[width + 1 :]
        states = [measure.load(value) for measure, value in zip(slices.over.measures, partials, strict=True)]
        yield int(start), key, states, int(revision)


def _key(column: str) -> str:
    return column if column.endswith("_cell") else f"ifNull({column}, '')"


def _condition(measure: Aggregate) -> str:
    return f"event_type IN ({', '.join(repr(kind) for kind in measure.on)})" if measure.on else "1"
