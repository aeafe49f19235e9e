"""The sessions of one shard: events extend and merge them, the watermark ends them, and what has ended is summed up.

Which sessions there are depends on the events alone, not on their order: two events of a key belong together if at most
`gap` parts them, directly or by way of others. So a session grows and merges with its neighbours, and never splits.

An event at t is late, and not counted, iff t + gap + lateness <= the watermark of its batch, which stands in its row. A
session whose last event is at l can only be joined by one at t <= l + gap. Watermarks of batches never go back, so once
l + gap + gap + lateness <= W holds for a W that no later batch lies below, every event that could still join is late:
that is when a session may be dropped (`Session.keep_ms`, which adds the retention).

A session ends when the watermark has passed its last event by more than the gap, in whole seconds. A late event may
take it up again, move its start, or merge it into another; a row in ClickHouse under a start that is no more is then to
be taken back (`Span.written`, `Sessions.retracted`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from operator import attrgetter
from typing import Any

from tables.aggregates import WEIGHT, Aggregate
from tables.columns import Columns, Folder, folder
from tables.panes import Panes
from tables.window import DURATION, Session
from tables.wire import Key, merge_states

NEVER = -1
"""`Span.written`: no row stands under its start."""
PERHAPS = 0
"""`Span.written`: this worker or a former owner of the shard may have written one."""


@dataclass(slots=True, eq=False)
class Span:
    """One session. Times are milliseconds since 1970."""

    key: Key
    start: int
    """Its first event."""
    last: int
    states: list[Any]
    revision: int
    """Seq of the intent that changed it last."""
    written: int = NEVER
    """Revision of the newest row under its start, as far as is known."""
    due: int = 0
    """The second in which it is looked at next whether it has ended: not after it will, often before."""
    ended: bool = False
    """Whether it is among those that were summed up."""

    @property
    def second(self) -> int:
        """Its start as a row has it; no other session of the key starts in the same second, now or later."""
        return self.start // 1000


Places = dict[str, list[tuple[int, Aggregate]]]


@dataclass(slots=True)
class Piece:
    """Some events of one key and batch that belong together."""

    start: int
    """Its first event, and its last one; milliseconds since 1970."""
    last: int
    states: list[Any]


class Sessions:
    """The sessions of one declaration in one shard."""

    def __init__(self, session: Session, panes: Panes) -> None:
        self.session = session
        self.retracted: dict[tuple[Key, int], int] = {}
        """Starts (second) that are no more and may have a row: the revision that takes it back."""
        self.unwritten: set[Span] = set()
        """Ended sessions of which ClickHouse may not hold the newest numbers."""
        self.whole_since = 0
        """All sessions whose last event is at this time (ms) or later are in memory."""
        self._panes = panes
        self._slices = panes.declared.slices[session.name]
        self._gap = session.gap * 1000
        self._now = 0
        """`ingested_at` of the batch at hand."""
        self._looks: Places = {kind: session.of(kind) for kind in session.on}
        self._open: dict[int, set[Span]] = {}
        """Those that have not ended, by the second in which they are due. A session that goes on stays where it is."""
        self._past: dict[int, set[Span]] = {}
        """Those that have, by the pane in which they did."""
        self.by_key: dict[Key, list[Span]] = {}
        """What the table holds: for each key its sessions by time."""
        panes.table[session.name, panes.shard, 0] = self.by_key

    def __len__(self) -> int:
        """Sessions in memory."""
        return self.active + sum(map(len, self._past.values()))

    @property
    def active(self) -> int:
        """Sessions that have not ended."""
        return sum(map(len, self._open.values()))

    def newest(self, count: int, since: int = 0) -> list[Span]:
        """So many that began at `since` (s) or later, those that go on first, each by its last event, newest first."""
        found: list[Span] = []
        for places in (self._open, self._past):
            spans = (span for place in places.values() for span in place if span.second >= since)
            found += nlargest(count - len(found), spans, key=attrgetter("last"))
        return found

    def of(self, owner: str) -> Iterator[Span]:
        """The sessions of whoever has this value in a column of the key."""
        width = len(self.session.key)
        for place in range(width):
            yield from self.by_key.get(("",) * place + (owner,) + ("",) * (width - place - 1), ())

    # Counting

    def apply(self, batch: Iterable[Columns], *, seq: int, watermark: int, now: int) -> None:
        """Count a batch's accepted events. `watermark` and `now`, its `ingested_at` (ms), are the record's."""
        self._now = now
        bound, size = watermark - self.session.late_ms, len(self.session.measures)
        pieces: dict[Key, list[Piece]] = {}
        for columns in batch:
            looks = self._looks.get(columns.spec.name)
            if looks is None:
                continue
            times, fold = columns.stamps.tolist(), folder(looks, size, columns, WEIGHT)
            some_late = min(times) <= bound
            for key, members in columns.owners(self.session.key).items():
                if some_late:
                    members = self._in_time(members, times, bound)
                if members:
                    self._gather(pieces.setdefault(key, []), members, times, fold)
        for key, found in pieces.items():
            for piece in self._together(found) if len(found) > 1 else found:
                self._join(key, piece, seq)

    def put(self, spans: Iterable[Span]) -> None:
        """Take whole sessions of one key, sorted by time: what was counted again."""
        for span in spans:
            self.by_key.setdefault(span.key, []).append(span)
            self._enter(span)

    def _in_time(self, members: list[int], times: list[int], bound: int) -> list[int]:
        """Those that are not late; the others are counted as late."""
        left = [index for index in members if times[index] > bound]
        self._panes.late[self.session.name] += len(members) - len(left)
        return left

    def _gather(self, pieces: list[Piece], members: list[int], times: list[int], fold: Folder) -> None:
        """Count events of one key and type: into a piece that they touch, or as pieces of their own."""
        start = last = times[members[0]]
        if len(members) > 1:
            at = [times[index] for index in members]
            start, last = min(at), max(at)
            if last - start > self._gap:
                for part in self._parts(members, times):
                    pieces.append(Piece(times[part[0]], times[part[-1]], fold(part)))
                return
        if pieces:
            piece = pieces[-1]
            if start - self._gap <= piece.last and piece.start <= last + self._gap:
                piece.start, piece.last = min(piece.start, start), max(piece.last, last)
                fold(members, piece.states)
                return
        pieces.append(Piece(start, last, fold(members)))

    def _parts(self, members: list[int], times: list[int]) -> Iterator[list[int]]:
        """Events of one key by time, cut where the gap parts them."""
        members = sorted(members, key=times.__getitem__)
        begin = 0
        for place in range(1, len(members)):
            if times[members[place]] - times[members[place - 1]] > self._gap:
                yield members[begin:place]
                begin = place
        yield members[begin:]

    def _together(self, pieces: list[Piece]) -> Iterator[Piece]:
        """Pieces of one key, merged where they belong together."""
        pieces.sort(key=attrgetter("start"))
        held = pieces[0]
        for piece in pieces[1:]:
            if piece.start - held.last > self._gap:
                yield held
                held = piece
            else:
                held = Piece(
                    held.start, max(held.last, piece.last), merge_states(self.session, held.states, piece.states)
                )
        yield held

    def _join(self, key: Key, piece: Piece, seq: int) -> None:
        """Merge events that belong together with all sessions of their key that they touch."""
        spans, start, last = self.by_key.get(key), piece.start, piece.last
        if spans is None:
            spans = self.by_key[key] = []
        first, gap = 0, self._gap
        while first < len(spans) and spans[first].last + gap < start:
            first += 1
        end = first
        while end < len(spans) and spans[end].start <= last + gap:
            end += 1
        if first == end:
            span = Span(key, start, last, piece.states, seq)
            spans.insert(first, span)
            self._enter(span)
        else:
            for span in spans[first:end]:
                self._take_up(span)
            span = spans[first]
            for other in spans[first + 1 : end]:
                self._remove(self._open, other.due, other)
                if other.written != NEVER:
                    self._retract(key, other.second, seq)
                self._extend(span, other.start, other.last, other.states, seq)
            del spans[first + 1 : end]
            self._extend(span, start, last, piece.states, seq)

    def _extend(self, span: Span, start: int, last: int, states: list[Any], seq: int) -> None:
        if start < span.start:
            if span.written != NEVER and start // 1000 != span.second:
                self._retract(span.key, span.second, seq)
                span.written = NEVER
            span.start = start
        span.last = max(span.last, last)
        span.states = merge_states(self.session, span.states, states)
        span.revision = max(span.revision, seq)

    def _ends(self, span: Span) -> int:
        """The second in which it ends, if nothing comes any more."""
        return (span.last + self._gap) // 1000

    def _enter(self, span: Span) -> None:
        span.due = second = self._ends(span)
        spans = self._open.get(second)
        if spans is None:
            self._open[second] = {span}
        else:
            spans.add(span)

    def _take_up(self, span: Span) -> None:
        """A session is about to change: if it had ended, it goes on."""
        if span.written == NEVER and span.last + self._gap < self._now:
            # A former owner that slept may have ended it by a later watermark than ours; none is ahead of the clock.
            span.written = PERHAPS
        if not span.ended:
            return
        pane = self._pane_of(self._ends(span))
        self._remove(self._past, pane, span)
        self._panes.take_back(self._slices, pane, (), self._sums([span]))
        self.unwritten.discard(span)
        span.ended = False
        self._enter(span)

    @staticmethod
    def _remove(where: dict[int, set[Span]], place: int, span: Span) -> None:
        spans = where[place]
        spans.remove(span)
        if not spans:
            del where[place]

    # Time

    def end(self, watermark: int) -> None:
        """End the sessions that the watermark (ms) has passed by the gap, and sum them up."""
        ended: dict[int, list[Span]] = defaultdict(list)
        for due in [second for second in self._open if (second + 1) * 1000 <= watermark]:
            for span in self._open.pop(due):
                second = self._ends(span)
                if (second + 1) * 1000 <= watermark:
                    ended[self._pane_of(second)].append(span)
                else:
                    self._enter(span)
        for pane, spans in ended.items():
            for span in spans:
                span.ended = True
                if span.written != span.revision:
                    self.unwritten.add(span)
                span.written = max(span.written, PERHAPS)
            self._past.setdefault(pane, set()).update(spans)
            if (pane + self._slices.pane + self._slices.keep) * 1000 > watermark:
                # Revision 0: the sums are not kept in ClickHouse, each session is.
                self._panes.put(self._slices, pane, {(): self._sums(spans)}, 0)

    def expire(self, settled: int) -> None:
        """Drop the written sessions that no event can join any more; no later batch has a watermark below `settled`."""
        keep = self.session.keep_ms - self._gap
        for pane in [pane for pane in self._past if (pane + self._slices.pane) * 1000 + keep <= settled]:
            spans = self._past.pop(pane)
            for span in spans - self.unwritten:
                held = self.by_key[span.key]
                held.remove(span)
                if not held:
                    del self.by_key[span.key]
            if spans := spans & self.unwritten:
                self._past[pane] = spans

    def clear(self) -> None:
        """Drop all."""
        self._panes.table.pop((self.session.name, self._panes.shard, 0), None)

    # Rows of ClickHouse

    def written_to(self, watermark: int) -> int:
        """The time (ms) below which all that has ended by this watermark is written, and what is no more taken back."""
        times = [span.last for span in self.unwritten]
        return min([*times, *(second * 1000 for _, second in self.retracted)], default=watermark)

    def wrote(self, span: Span, second: int, revision: int) -> None:
        """A row of an ended session was written; it may have changed meanwhile."""
        if span.second == second:
            span.written = max(span.written, revision)
        if span.ended and span.written >= span.revision:
            self.unwritten.discard(span)

    def reconcile(self, rows: Iterable[tuple[int, Key, int, int]]) -> None:
        """Hold rows (start, key, revision, end; seconds) that stand in ClickHouse against what is in memory.

        A row that has no session of its start is taken back, if a session lies over it, or if it would be in memory.
        The numbers of the others are as they should be if the revision is.
        """
        for second, key, revision, end in rows:
            span = next((s for s in self.by_key.get(key, ()) if s.second <= second <= s.last // 1000), None)
            if span is not None and span.second == second:
                self.wrote(span, second, revision)
            elif span is not None or end * 1000 >= self.whole_since:
                self._retract(key, second, max(revision + 1, span.revision if span else 0))

    def _retract(self, key: Key, second: int, revision: int) -> None:
        self.retracted[key, second] = max(revision, self.retracted.get((key, second), 0))

    # Sums

    def _pane_of(self, second: int) -> int:
        return second - second % self._slices.pane

    def _sums(self, spans: Sequence[Span]) -> list[Any]:
        """The states of what is told of ended sessions, over these."""
        columns: dict[str, list[Any]] = {DURATION: [(span.last - span.start) / 1000 for span in spans]}
        for place, measure in enumerate(self.session.measures):
            columns[measure.name] = [measure.answer(span.states[place], seconds_of(span)) for span in spans]
        return [
            measure.fold([columns[name] for name in measure.columns] or [spans], WEIGHT)
            for measure in self._slices.over.measures
        ]


def seconds_of(span: Span) -> int:
    """The length that rates are told over: of one event, a second."""
    return max(1, -(-(span.last - span.start) // 1000))
