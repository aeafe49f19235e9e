"""The SQL that finds the sessions of a shard again in its rows (R12): one row a session, never one an event. Pure.

Rows are read from some time on, so a session that begins within a gap of that time may really have begun earlier. Its
key is then *open*, and read again from further back, until its first event has nothing before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tables.rebuild import partials_of, rows_of
from tables.sessions import Span
from tables.window import Session, Slices
from tables.wire import Key

KEYS_AT_ONCE = 200
"""Keys of one statement; they stand in its address."""


class Reach(NamedTuple):
    """How far back rows are read, and which sessions are asked for."""

    since: int
    """Rows from here on, seconds since 1970."""
    wanted: int
    """Sessions whose last event is at this time or later, milliseconds since 1970."""

    def further(self) -> "Reach":
        """Twice as far from what is wanted; 1970 is reached in some twenty steps."""
        return self._replace(since=max(0, self.since - max(1, self.wanted // 1000 - self.since)))


def reach(session: Session, ended: Slices, at: int, kept: int) -> Reach:
    """Where to begin: `at` is the watermark, `kept` the time below which all that had ended is written; seconds.

    The sessions wanted are those in memory, those summed up, and those that are to be written.
    """
    keep = max(session.keep_ms // 1000, session.gap + ended.pane + ended.keep)
    wanted = max(0, min(at - keep, kept))
    return Reach(max(0, wanted - 2 * session.gap), wanted * 1000)


def statement(session: Session, *, some: bool = False) -> str:
    """One row a session: its key, first and last time (ms), revision, and partials; with `some`, of `{keys}` only."""
    owner = [f"_key{place}" for place in range(len(session.key))]
    keys, columns = ", ".join(owner), ", ".join(sorted(_columns(session)))
    order = f"OVER (PARTITION BY {keys} ORDER BY _at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    gap = session.gap * 1000
    only = f"\n  AND [{keys}] IN (SELECT arrayJoin({{keys:Array(Array(String))}}))" if some else ""
    fields = ",\n    ".join([keys, "min(_at)", "max(_at)", "max(intent)", *partials_of(session)])
    rows = (
        f"SELECT {columns}, {', '.join(_owner(session))}, toUnixTimestamp64Milli(occurred_at) AS _at\n"
        f"FROM {session.domain.raw_table}\nWHERE {rows_of(session)}\n"
        f"  AND _at + {session.late_ms} > toUnixTimestamp64Milli(watermark)\n"
        f"  AND ({' OR '.join(f'{key} != {chr(39) * 2}' for key in owner)}){only}"
    )
    begins = f"SELECT *, _at - lagInFrame(_at, 1, toInt64(-{gap} - 1)) {order} > {gap} AS _begins\nFROM ({rows})"
    numbered = f"SELECT *, sum(_begins) {order} AS _session\nFROM ({begins})"
    return f"SELECT\n    {fields}\nFROM ({numbered})\nGROUP BY {keys}, _session\nORDER BY {keys}, min(_at)"


def read(session: Session, rows: Sequence[Sequence[Any]], reach: Reach) -> Iterator[tuple[Key, list[Span] | None]]:
    """For each key the sessions wanted, sorted by time; None where it is open."""
    width = len(session.key)
    key: Key = ()
    spans: list[Span] | None = []
    for row in rows:
        if tuple(row[:width]) != key:
            if key and (spans is None or spans):
                yield key, spans
            key, spans = tuple(row[:width]), []
        first, last, revision = (int(value) for value in row[width : width + 3])
        if last < reach.wanted or spans is None:
            continue
        if reach.since and first < (reach.since + session.gap) * 1000:
            spans = None
            continue
        partials = zip(session.measures, row[width + 3 :], strict=True)
        spans.append(Span(key, first, last, [measure.load(value) for measure, value in partials], revision))
    if key and (spans is None or spans):
        yield key, spans


def portions(keys: Iterable[Key]) -> Iterator[list[list[str]]]:
    """Keys as the placeholder `{keys}` takes them, in portions."""
    listed = [[str(part) for part in key] for key in keys]
    for first in range(0, len(listed), KEYS_AT_ONCE):
        yield listed[first : first + KEYS_AT_ONCE]


def _columns(session: Session) -> set[str]:
    read = {name.removeprefix("#") for measure in session.measures for name in measure.columns if name}
    return read | {"event_type", "sample_rate", "intent"}


def _owner(session: Session) -> Iterator[str]:
    """The key columns, of which only the first that has a value is given; see `Columns.owners`."""
    before: list[str] = []
    for place, column in enumerate(session.key):
        value = f"ifNull({column}, '')"
        none = " AND ".join(f"{each} = ''" for each in before)
        yield f"if({none}, {value}, '') AS _key{place}" if before else f"{value} AS _key{place}"
        before.append(value)
