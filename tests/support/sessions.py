"""Visits for tests: events of a few visitors, batches in any order, and which sessions they make by the definition."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from streams import codec
from streams.events import registry
from streams.events.domains import TICKETING
from streams.events.sample import sample
from tables.aggregates import WEIGHT, Count, Distinct, Max, Mean, Min, Money, Quantiles, Sum, Top, Within
from tables.columns import folder
from tables.sessions import Span
from tables.window import DURATION, Declared, Session
from tables.wire import Key, encode_states, merge_states
from tests.support.columns import columns_of

START = datetime(2026, 3, 1, tzinfo=UTC)
BEGIN = int(START.timestamp())
SLOT = 600
"""Three make a gap: events often lie just as far from each other as a session allows, or a millisecond further."""
TYPES = ("page.viewed", "event.searched", "ticket.purchased")
VISITS = Session(
    "visits",
    TICKETING,
    TYPES,
    (
        Count("events"),
        Count("page_views", ("page.viewed",)),
        Distinct("pages", ("page.viewed",), column="url"),
        Top("words", ("event.searched",), column="query"),
        Sum("tickets", ("ticket.purchased",), column="quantity"),
        Money("revenue", ("ticket.purchased",), column="amount"),
        Mean("results_mean", ("event.searched",), column="results"),
        Min("results_least", ("event.searched",), column="results"),
        Max("results_most", ("event.searched",), column="results"),
        Quantiles("seen_ms", ("page.viewed",), column="duration_ms"),
    ),
    ("session_id", "user_id"),
    gap=3 * SLOT,
    lateness=6 * SLOT,
    retention=0,
    ended=(
        Count("ended"),
        Quantiles("duration_s", column=DURATION),
        Mean("events_mean", column="events"),
        Within("bought", column="tickets", least=1),
        Within("bounced", column="events", most=1),
    ),
)
DECLARED = Declared()
DECLARED.session(VISITS)
ENDED = DECLARED.slices[VISITS.name]
WHO: tuple[tuple[str | None, str | None], ...] = (("it's", "u1"), ("back\\slash", None), (None, "u1"))
"""Session and user: one user is known with and without a session."""


class Batch(NamedTuple):
    """What a record of the log has proposed."""

    watermark: int
    """Milliseconds since 1970."""
    events: list[Any]


def _decoded(kind: str, number: int) -> Any:
    spec = registry.events[kind]
    (event,) = codec.decode_values([msgspec.json.encode(sample(spec, random.Random(number)))], spec.topic)
    return event


_POOL = {kind: [_decoded(kind, number) for number in range(5)] for kind in TYPES}


def visit(kind: str, number: int, who: int, milliseconds: int) -> Any:
    """An event of a visitor, so long after START."""
    event = _POOL[kind][number]
    session, user = WHO[who]
    data = msgspec.structs.replace(event.data, session_id=session, user_id=user)
    at = START + timedelta(milliseconds=milliseconds, microseconds=number * 200)
    return msgspec.structs.replace(event, id=f"{who}-{milliseconds}-{kind}-{number}", time=at, data=data)


@st.composite
def runs(draw: st.DrawFn) -> list[Any]:
    """Events of one visitor at even distances: often one long session."""
    who, kind = draw(st.integers(0, 2)), draw(st.sampled_from(TYPES))
    first, step = draw(st.integers(0, 60)), draw(st.sampled_from((1, 2, 3, 3, 4)))
    jitters = draw(st.lists(st.sampled_from((0, 0, 1, 999)), min_size=1, max_size=20))
    return [visit(kind, at % 5, who, (first + at * step) * SLOT * 1000 + jitter) for at, jitter in enumerate(jitters)]


@st.composite
def batches(draw: st.DrawFn) -> list[Batch]:
    """Batches of events under watermarks that never go back: as time goes by, or anything at any time."""
    events = [event for run in draw(st.lists(runs(), min_size=1, max_size=6)) for event in run]
    events = [*{event.id: event for event in events}.values()]
    dice, cut = draw(st.randoms(use_true_random=False)), draw(st.integers(1, 12))
    if draw(st.sampled_from((True, True, False))):
        events.sort(key=lambda event: event.time + timedelta(seconds=dice.choice((0, 0, 1, 2, 5, 8)) * SLOT))
        cuts = [events[first : first + cut] for first in range(0, len(events), cut)]
        marks = [0]
        for part in cuts[:-1]:
            newest = max(map(milliseconds, part))
            marks.append(max(marks[-1], newest + dice.choice((0, 3, 4, 5, 7, 10)) * SLOT * 1000 + dice.choice((0, 1))))
    else:
        dice.shuffle(events)
        cuts = [events[first : first + cut] for first in range(0, len(events), cut)]
        slots = sorted(dice.choice((-1, dice.randint(0, 100))) for _ in cuts)
        marks = [(BEGIN + slot * SLOT) * 1000 if slot >= 0 else 0 for slot in slots]
    return [Batch(*each) for each in zip(marks, cuts, strict=True)]


class Found(NamedTuple):
    """A session, comparable. Times in milliseconds since 1970."""

    key: Key
    start: int
    last: int
    states: str
    revision: int


def found(span: Span) -> Found:
    """A session in memory, comparable."""
    return Found(span.key, span.start, span.last, encode_states(VISITS, span.states), span.revision)


def milliseconds(event: Any) -> int:
    """The event's time since 1970."""
    since: timedelta = event.time - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1)


def sessions_of(given: Sequence[Batch], session: Session = VISITS) -> list[Found]:
    """By the definition: a visitor's events that are not late, by time, cut where more than the gap parts two."""
    counted: dict[Key, list[tuple[int, int, Any]]] = {}
    for seq, batch in enumerate(given, 1):
        for event in batch.events:
            at = milliseconds(event)
            if at + (session.gap + session.lateness) * 1000 > batch.watermark:
                owner = event.data.session_id
                key: Key = (owner, "") if owner else ("", event.data.user_id)
                counted.setdefault(key, []).append((at, seq, event))
    found = []
    for key, events in counted.items():
        events.sort(key=lambda each: each[0])
        part: list[tuple[int, int, Any]] = []
        for each in events:
            if part and each[0] - part[-1][0] > session.gap * 1000:
                found.append(_session(session, key, part))
                part = []
            part.append(each)
        found.append(_session(session, key, part))
    return sorted(found)


def _session(session: Session, key: Key, part: list[tuple[int, int, Any]]) -> Found:
    states: list[Any] = [None] * len(session.measures)
    for columns in columns_of([event for _, _, event in part]):
        looks = session.of(columns.spec.name)
        fold = folder(looks, len(states), columns, WEIGHT)
        states = merge_states(session, states, fold(list(range(len(columns.events)))))
    return Found(key, part[0][0], part[-1][0], encode_states(session, states), max(seq for _, seq, _ in part))
