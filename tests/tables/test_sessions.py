"""Sessions are what the definition says, in whatever order events come; so is what is written, after crashes too."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import ConfigurationError
from streams.events.domains import TICKETING
from tables.aggregates import Count, Distinct, Mean, Within
from tables.panes import Panes
from tables.sessions import Sessions, Span
from tables.window import Measures, Session
from tables.wire import Key, decode_states, encode_states
from tests.support.columns import columns_of
from tests.support.sessions import (
    BEGIN,
    DECLARED,
    ENDED,
    SLOT,
    VISITS,
    Batch,
    Found,
    batches,
    found,
    milliseconds,
    sessions_of,
    visit,
)

NOW = (BEGIN + 100 * SLOT) * 1000
"""No watermark is ahead of the clock."""
END = NOW * 2
"""A watermark at which everything has ended."""


class Shard:
    """One shard, and the rows that it has written; another owner goes on with them after a crash."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Key, int], dict[int, Found | None]] = {}
        """By key and start the revisions; None where it was retracted."""
        self.taken: list[Batch] = []
        self.begin()

    def begin(self) -> None:
        """Begin with what the definition says of everything taken."""
        self.panes = Panes(0, DECLARED, {})
        self.sessions = Sessions(VISITS, self.panes)
        for each in sessions_of(self.taken):
            states = decode_states(VISITS, each.states)
            self.sessions.put([Span(each.key, each.start, each.last, states, each.revision)])
        self.move(self.taken[-1].watermark if self.taken else 0)
        self.sessions.reconcile(
            (second, key, max(revisions), (found.last // 1000))
            for (key, second), revisions in self.rows.items()
            if (found := revisions[max(revisions)]) is not None
        )

    def take(self, batch: Batch) -> None:
        """Count a batch."""
        self.taken.append(batch)
        self.sessions.apply(columns_of(batch.events), seq=len(self.taken), watermark=batch.watermark, now=NOW)

    def move(self, watermark: int) -> None:
        """Move the watermark."""
        self.sessions.end(watermark)
        self.sessions.expire(watermark)

    def keep(self) -> None:
        """Write what has changed."""
        for (key, second), revision in self.sessions.retracted.items():
            self.row(key, second, revision, None)
        self.sessions.retracted.clear()
        for span in list(self.sessions.unwritten):
            self.row(span.key, span.second, span.revision, found(span))
            self.sessions.wrote(span, span.second, span.revision)

    def row(self, key: Key, second: int, revision: int, row: Found | None) -> None:
        """As the table has it: a row that is written again must be the same."""
        assert self.rows.setdefault((key, second), {}).setdefault(revision, row) == row

    def latest(self) -> list[Found]:
        """As the view shows it."""
        newest = (revisions[max(revisions)] for revisions in self.rows.values())
        return sorted(row for row in newest if row is not None)


def held(sessions: Sessions) -> list[Found]:
    """All sessions in memory; each key's are sorted and do not touch."""
    for spans in sessions.by_key.values():
        assert all(b.start - a.last > VISITS.gap * 1000 for a, b in pairwise(spans))
    return sorted(found(span) for spans in sessions.by_key.values() for span in spans)


def needed(sessions: Iterable[Found], watermark: int) -> list[Found]:
    """Those that an event could still join."""
    keep = (2 * VISITS.gap + VISITS.lateness) * 1000
    return [each for each in sessions if each.last + keep > watermark]


def late_of(given_batches: Sequence[Batch]) -> int:
    """Events that came too late, counted plainly."""
    return sum(
        milliseconds(event) + (VISITS.gap + VISITS.lateness) * 1000 <= batch.watermark
        for batch in given_batches
        for event in batch.events
    )


@settings(max_examples=150, deadline=None)
@given(batches(), st.data())
def test_sessions_are_those_of_the_definition(given_batches: list[Batch], data: st.DataObject) -> None:
    shard = Shard()
    for number, batch in enumerate(given_batches, 1):
        shard.take(batch)
        expected = sessions_of(given_batches[:number])
        now = held(shard.sessions)
        assert set(now) <= set(expected)
        assert needed(now, batch.watermark) == needed(expected, batch.watermark)
        if data.draw(st.booleans()):
            shard.move(batch.watermark)
            shard.keep()
        spans = [span for spans in shard.sessions.by_key.values() for span in spans]
        order = sorted((span.ended, -span.last) for span in spans)
        assert [(span.ended, -span.last) for span in shard.sessions.newest(3)] == order[:3]
    assert shard.panes.late.total() == late_of(given_batches)


@settings(max_examples=150, deadline=None)
@given(batches(), st.data())
def test_what_is_written_is_what_there_is_after_crashes_too(given_batches: list[Batch], data: st.DataObject) -> None:
    shard = Shard()
    for batch in given_batches:
        shard.take(batch)
        step = data.draw(st.sampled_from(("go on", "move", "move and keep", "move and keep", "crash")))
        if step == "crash":
            shard.begin()
        elif step != "go on":
            shard.move(batch.watermark)
        if step == "move and keep":
            shard.keep()
    shard.move(END)
    shard.keep()
    assert shard.latest() == sessions_of(given_batches)
    shard.move(END)
    assert len(shard.sessions) == 0
    assert shard.sessions.by_key == {}


@settings(max_examples=80, deadline=None)
@given(batches())
def test_the_sums_are_those_of_the_sessions_that_ended(given_batches: list[Batch]) -> None:
    shard = Shard()
    for batch in given_batches:
        shard.take(batch)
        shard.move(batch.watermark)
        shard.keep()
        ended = [
            each
            for each in sessions_of(shard.taken)
            if ((each.last // 1000 + VISITS.gap) + 1) * 1000 <= batch.watermark
        ]
        panes: dict[int, list[Any]] = {}
        for each in ended:
            end = each.last // 1000 + VISITS.gap
            start = end - end % ENDED.pane
            if (start + ENDED.pane + ENDED.keep) * 1000 > batch.watermark:
                states = dict(zip((m.name for m in VISITS.measures), decode_states(VISITS, each.states), strict=True))
                events, tickets = states["events"], (states["tickets"] or 0) / 10_000
                panes.setdefault(start, []).append(((each.last - each.start) / 1000, events, tickets))
        shard.panes.expire(batch.watermark)
        assert {
            start: encode_states(ENDED, line.states) for _, start, pane in shard.panes for line in pane.values()
        } == {start: encode_states(ENDED, summed(numbers)) for start, numbers in panes.items()}
        assert shard.sessions.active == len(sessions_of(shard.taken)) - len(ended)


def summed(numbers: list[tuple[float, int, float]]) -> list[Any]:
    """States over (duration, events, tickets) of sessions, folded at once."""
    columns = dict(zip(("duration_s", "events", "tickets"), map(list, zip(*numbers, strict=True)), strict=True))
    return [m.fold([columns[name] for name in m.columns] or [numbers], 1) for m in ENDED.over.measures]


def test_a_gap_and_not_a_millisecond_more() -> None:
    gap = VISITS.gap * 1000
    events = [visit("page.viewed", 0, 0, at) for at in (0, gap, 2 * gap + 1)]
    shard = Shard()
    shard.take(Batch(0, events))
    assert [(each.start, each.last) for each in held(shard.sessions)] == [
        (BEGIN * 1000, BEGIN * 1000 + gap),
        (BEGIN * 1000 + 2 * gap + 1, BEGIN * 1000 + 2 * gap + 1),
    ]


def test_lateness_is_a_matter_of_the_row() -> None:
    event = visit("page.viewed", 0, 0, 0)
    bound = (BEGIN + VISITS.gap + VISITS.lateness) * 1000
    shard = Shard()
    shard.take(Batch(bound, [event]))
    assert (len(shard.sessions), shard.panes.late) == (0, {"visits": 1})
    shard.take(Batch(bound - 1, [event]))
    assert len(shard.sessions) == 1


def test_a_session_that_grows_backwards_or_merges_takes_its_old_row_back() -> None:
    shard = Shard()
    shard.take(Batch(0, [visit("page.viewed", 0, 0, at * SLOT * 1000) for at in (2, 8)]))
    shard.move((BEGIN + 12 * SLOT) * 1000)
    shard.keep()
    assert [each.start // 1000 - BEGIN for each in shard.latest()] == [2 * SLOT, 8 * SLOT]
    shard.take(Batch((BEGIN + 4 * SLOT) * 1000, [visit("page.viewed", 0, 0, at * SLOT * 1000) for at in (5, 1)]))
    assert set(shard.sessions.retracted) == {(("it's", ""), BEGIN + second * SLOT) for second in (2, 8)}
    shard.move((BEGIN + 12 * SLOT) * 1000)
    shard.keep()
    (one,) = shard.latest()
    assert (one.start // 1000 - BEGIN, one.last // 1000 - BEGIN, one.revision) == (SLOT, 8 * SLOT, 2)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"gap": 0}, "a gap"),
        ({"key": ()}, "a key"),
        ({"key": ("nothing",)}, "nothing"),
        ({"ended": (Mean("mean", column="nothing"),)}, "duration_s, events"),
        ({"ended": (Distinct("people", column="events"),)}, "take back"),
    ],
)
def test_what_could_not_be_kept_is_refused(fields: dict[str, Any], says: str) -> None:
    given_fields = {"key": ("session_id",), **fields}
    with pytest.raises(ConfigurationError, match=says):
        Session("s", TICKETING, ("page.viewed",), (Count("events"),), **given_fields)


def test_what_counts_ended_sessions_alone_is_refused_where_events_are_counted() -> None:
    bounced = Within("bounced", column="results", most=1)
    with pytest.raises(ConfigurationError, match=r"Within cannot be counted again from rows; .* a session's `ended`"):
        Measures("m", TICKETING, ("event.searched",), (bounced,))
    with pytest.raises(TypeError, match="Within is not counted from rows"):
        bounced.sql("1")
