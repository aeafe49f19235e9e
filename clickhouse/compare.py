"""Hold a rollup or family table to its source: the same aggregate over both, day by day.

Of a rollup every group is compared: its key and its exact measures go into one hash a group, the hashes into one sum
a day. Sums of floats depend on the order of parts and are compared by themselves, to 1e-9 of their size. So are
counts of distinct values: their sketch is exact up to some hundred values and an estimate beyond, and which of the two
a group just there has depends on the order of its rows. They are compared to 3 % of a day's sum.
"""

import math
import re
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, NamedTuple

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.feeds import Target, rows
from clickhouse.histogram import KIND as HISTOGRAM

_STATE = re.compile(r"AggregateFunction\((\w+)(\([^()]*\))?, ")
_DISTINCT = re.compile(r"AggregateFunction\(uniq")
_SKETCH_SHARE, _SKETCH_LEAST = 0.03, 8
_SIMPLE = re.compile(r"SimpleAggregateFunction\((\w+), (.*)\)$")


class Difference(NamedTuple):
    """A day on which a table is not what its source gives."""

    table: str
    day: date
    what: str
    """The first aggregate that differs: `rows`, `content` (a group differs), or a measure."""
    source: Any
    found: Any


def on_days(days: Collection[date], column: str) -> str:
    """The condition that a time column lies on these days (UTC); it prunes partitions."""
    listed = ", ".join(f"'{day}'" for day in sorted(days))
    return f"toDate({column}, 'UTC') IN ({listed})"


async def differences(
    client: AsyncClient, target: Target, days: Collection[date], table: str = "", rows_where: str = "1"
) -> list[Difference]:
    """Those of the days (UTC) on which the target differs from its source, oldest first.

    `table` is looked at in the target's place, such as a staging table; `rows_where` restricts the source's rows.
    Both sides are read by one query, so as of one moment. Raises as `classify` says.
    """
    if not days:
        return []
    measures = _measures(target)
    source = target.rows_of(f"{on_days(days, 'occurred_at')} AND ({rows_where})")
    names = ", ".join(name for name, _ in target.columns)
    held = f"SELECT {names} FROM {table or target.name} WHERE {on_days(days, target.time)}"
    sql = (
        f"SELECT 1 AS side, * FROM ({_by_day(target, source, measures)}) "
        f"UNION ALL SELECT 2 AS side, * FROM ({_by_day(target, held, measures)})"
    )
    sides: dict[int, dict[date, Sequence[Any]]] = {1: {}, 2: {}}
    for side, day, *values in await rows(client, sql):
        sides[side][day] = values
    sketches = _sketches(target)
    labels = ["rows", "content", *measures, *sketches]
    nothing = [0] * len(labels)
    found = []
    for day in sorted(sides[1].keys() | sides[2].keys()):
        pairs = zip(labels, sides[1].get(day, nothing), sides[2].get(day, nothing), strict=True)
        # Measures first: they say more to a person than a hash does.
        wrong = [(label, want, have) for label, want, have in pairs if not same(want, have, label in sketches)]
        if wrong:
            found.append(Difference(target.name, day, *next((w for w in wrong if w[0] != "content"), wrong[0])))
    return found


def same(one: Any, other: Any, is_sketch: bool) -> bool:
    """Whether two sides of a measure agree."""
    if is_sketch:
        return math.isclose(one, other, rel_tol=_SKETCH_SHARE, abs_tol=_SKETCH_LEAST)
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _measures(target: Target) -> list[str]:
    """Names of the measures that can be added up, exact or not. Histograms are held to each other by the hash."""
    return [name for name, kind in target.columns if _SIMPLE.match(kind) and kind != HISTOGRAM]


def _sketches(target: Target) -> list[str]:
    """Names of the measures that count distinct values."""
    return [name for name, kind in target.columns if _DISTINCT.match(kind)]


def _by_day(target: Target, source: str, measures: Sequence[str]) -> str:
    day = f"toDate({target.time}, 'UTC') AS day"
    if not target.is_rollup:
        return f"SELECT {day}, count(), sum(cityHash64(chain, topic, shard, offset)) FROM ({source}) GROUP BY day"
    keys = [name for name, kind in target.columns if not _is_measure(kind)]
    merged = [f"{_merge(name, kind)} AS m_{name}" for name, kind in target.columns if _is_measure(kind)]
    exact = [f"m_{name}" for name, kind in target.columns if _is_exact(kind)]
    groups = f"SELECT {', '.join([*keys, *merged])} FROM ({source}) GROUP BY {', '.join(keys)}"
    totals = "".join(f", sum(m_{name})" for name in (*measures, *_sketches(target)))
    return f"SELECT {day}, count(), sum(cityHash64({', '.join([*keys, *exact])})){totals} FROM ({groups}) GROUP BY day"


def _is_exact(kind: str) -> bool:
    """Whether a measure is the same whatever the order of the rows."""
    return _is_measure(kind) and not kind.endswith(", Float64)") and not _DISTINCT.match(kind)


def _is_measure(kind: str) -> bool:
    return bool(_SIMPLE.match(kind) or _STATE.match(kind))


def _merge(name: str, kind: str) -> str:
    """The aggregate that finishes a measure, over states or plain values."""
    if simple := _SIMPLE.match(kind):
        return f"{simple[1]}({name})"
    state = _STATE.match(kind)
    assert state is not None
    return f"{state[1]}Merge{state[2] or ''}({name})"
