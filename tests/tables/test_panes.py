"""Windows put together from panes are what a plain loop over the events counts, however they arrive and are cut."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import codec
from streams.events import registry
from streams.events.domains import RIDES
from streams.events.sample import sample
from tables.aggregates import Count, Distinct, Max, Mean, Min, Money, Quantiles, Rate, Sum, Top
from tables.assemble import assemble, starts
from tables.bins import ACCURACY
from tables.panes import Pane, Panes, Place
from tables.window import Declared, Measures
from tables.wire import answers, decode_states, encode_states
from tests.support.columns import columns_of

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TYPES = ("trip.completed", "trip.cancelled")
MEASURES = (
    Count("completed", ("trip.completed",)),
    Count("all"),
    Rate("rate"),
    Money("fares", ("trip.completed",), column="fare"),
    Sum("km", ("trip.completed",), column="distance_km"),
    Mean("mean_s", ("trip.completed",), column="duration_s"),
    Min("least_s", ("trip.completed",), column="duration_s"),
    Max("most_s", ("trip.completed",), column="duration_s"),
    Distinct("riders", column="user_id"),
    Distinct("people", column="user_id", also="driver_id"),
    Distinct("tipped", column="user_id", also="driver_id", without="reason"),
    Quantiles("s", ("trip.completed",), column="duration_s"),
    Top("reasons", ("trip.cancelled",), column="reason", n=2),
)
LATENESS = 120


def declared() -> Declared:
    """Three windows over one set of measures."""
    made = Declared()
    over = Measures("trips", RIDES, TYPES, MEASURES, ("event_type",), lateness=LATENESS, retention=10_000)
    made.tumbling("1m", over, size=60)
    made.tumbling("5m", over, size=300)
    made.hopping("2m", over, size=120, slide=60)
    return made


DECLARED = declared()


def decoded(kind: str, number: int) -> Any:
    """A decoded event."""
    spec = registry.events[kind]
    (event,) = codec.decode_values([msgspec.json.encode(sample(spec, random.Random(number)))], spec.topic)
    return event


POOL = {kind: [decoded(kind, number) for number in range(12)] for kind in TYPES}

events = st.builds(
    lambda kind, number, second: msgspec.structs.replace(
        POOL[kind][number], time=START + timedelta(seconds=second, milliseconds=number)
    ),
    st.sampled_from(TYPES),
    st.integers(0, 11),
    st.integers(-400, 900),
)
batches = st.lists(st.tuples(st.integers(0, 900), st.lists(events, max_size=12)), max_size=8)


def counted(given_batches: list[tuple[int, list[Any]]], declared: Declared) -> Panes:
    """The panes after batches of (watermark in seconds after START, events)."""
    table: dict[Place, Pane] = {}
    panes = Panes(0, declared, table)
    watermark = 0
    for seq, (at, members) in enumerate(given_batches):
        watermark = max(watermark, int((START.timestamp() + at) * 1000))
        panes.apply(columns_of(members), seq=seq, watermark=watermark, rate=1.0)
    return panes


def oracle(given_batches: list[tuple[int, list[Any]]], size: int, slide: int) -> dict[tuple[int, str], list[Any]]:
    """Events by window and key, by the definition: a loop over everything."""
    found: dict[tuple[int, str], list[Any]] = {}
    watermark = 0.0
    for at, members in given_batches:
        watermark = max(watermark, START.timestamp() + at)
        for event in members:
            second = event.time.timestamp()
            if (second // 60 + 1) * 60 + LATENESS <= watermark:
                continue
            first = int(second) - size
            for start in range(first - first % slide, int(second) + 1, slide):
                if start <= second < start + size:
                    found.setdefault((start, codec.spec_of(type(event)).name), []).append(event)
    return found


def quantile(values: list[int], share: int) -> Any:
    """The value below which, or on which, so many percent lie; true to 1 %."""
    if not values:
        return None
    place = max(1, -(-share * len(values) // 100))
    return pytest.approx(sorted(values)[place - 1], rel=ACCURACY)


def shown(members: list[Any], size: int) -> dict[str, Any]:
    """What a person is shown of these events, computed plainly."""
    data = [event.data for event in members]
    done = [each for each in data if hasattr(each, "fare")]
    seconds = [each.duration_s for each in done]
    fares: dict[str, Decimal] = {}
    for each in done:
        fares[each.currency] = fares.get(each.currency, Decimal(0)) + each.fare
    reasons: dict[str, int] = {}
    for each in data:
        if not hasattr(each, "fare"):
            reasons[each.reason] = reasons.get(each.reason, 0) + 1
    return {
        "completed": len(done),
        "all": len(data),
        "rate": len(data) / size,
        "fares": {currency: amount for currency, amount in sorted(fares.items()) if amount},
        "km": sum(round(each.distance_km * 10_000) for each in done) / 10_000,
        "mean_s": sum(seconds) * 10_000 / len(seconds) / 10_000 if seconds else None,
        "least_s": min(seconds, default=None),
        "most_s": max(seconds, default=None),
        "riders": len({each.user_id for each in data}),
        "people": len({person for each in data for person in (each.user_id, each.driver_id)}),
        "tipped": len({person for each in done for person in (each.user_id, each.driver_id)}),
        "s": {f"p{share}": quantile(seconds, share) for share in (50, 95)},
        "reasons": sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:2],
    }


def as_answers(panes: Panes, name: str) -> dict[tuple[int, str], dict[str, Any]]:
    """What a person is shown of the panes."""
    window = DECLARED.windows[name]
    slices, held = DECLARED.slices["trips"], {start: pane for _, start, pane in panes}
    return {
        (start, str(key[0])): answers(slices, states, window.size)
        for start in starts(slices, window, held)
        for key, states in assemble(slices, window, start, held).items()
    }


@settings(max_examples=60, deadline=None)
@given(batches)
def test_windows_are_what_a_plain_loop_counts(given_batches: list[tuple[int, list[Any]]]) -> None:
    panes = counted(given_batches, DECLARED)
    for name, window in DECLARED.windows.items():
        expected = {
            place: shown(members, window.size)
            for place, members in oracle(given_batches, window.size, window.slide).items()
        }
        assert as_answers(panes, name) == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(events, max_size=30), st.randoms(use_true_random=False), st.integers(1, 30))
def test_order_and_cuts_change_nothing(members: list[Any], dice: random.Random, cut: int) -> None:
    shuffled = list(members)
    dice.shuffle(shuffled)
    one = counted([(0, members)], DECLARED)
    many = counted([(0, shuffled[i : i + cut]) for i in range(0, len(shuffled), cut)], DECLARED)
    slices = DECLARED.slices["trips"]

    def encoded(panes: Panes) -> dict[tuple[int, Any], str]:
        return {(at, key): encode_states(slices, line.states) for _, at, pane in panes for key, line in pane.items()}

    assert encoded(one) == encoded(many)
    for text in encoded(one).values():
        assert encode_states(slices, decode_states(slices, text)) == text


def test_what_adds_up_to_nothing_is_no_state_as_where_it_is_counted_again() -> None:
    money, total = Money("fares", column="fare"), Sum("km", column="distance_km")
    five, less = Decimal(5), Decimal(-5)
    assert money.fold([[five, less, five], ["USD", "USD", "EUR"]], 1) == {"EUR": 50_000}
    assert money.merge({"USD": 1, "EUR": 2}, {"USD": -1}) == {"EUR": 2}
    assert money.merge({"USD": 1}, {"USD": -1}) is money.fold([[five, less], ["USD"] * 2], 1) is None
    assert money.load(([], [])) is None
    assert total.merge(5, -5) is total.fold([[0.0, None]], 1) is total.load(0) is None


def test_late_events_are_counted_as_late() -> None:
    late = msgspec.structs.replace(POOL["trip.completed"][0], time=START)
    panes = counted([(60 + LATENESS - 1, [late]), (60 + LATENESS, [late, late])], DECLARED)
    assert panes.late == {"trips": 2}
    assert as_answers(panes, "1m")[int(START.timestamp()), "trip.completed"]["completed"] == 1


def test_panes_go_when_no_window_needs_them() -> None:
    panes = counted([(0, [msgspec.structs.replace(POOL["trip.completed"][0], time=START)])], DECLARED)
    end = int(START.timestamp()) + 60 + DECLARED.slices["trips"].keep
    panes.expire(end * 1000 - 1)
    assert len(panes) == 1
    panes.expire(end * 1000)
    assert len(panes) == 0
    assert panes.take_changes() == ({}, [("trips", int(START.timestamp()))])


def test_a_line_is_written_once_a_batch_whatever_types_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Declared()
    made.tumbling("all.1m", Measures("all", RIDES, TYPES, MEASURES), size=60)
    written: list[tuple[int, Any]] = []
    put = Panes.put

    def counting(self: Panes, slices: Any, start: int, lines: Any, seq: int) -> None:
        written.extend((start, key) for key in lines)
        put(self, slices, start, lines, seq)

    monkeypatch.setattr(Panes, "put", counting)
    members = [POOL[kind][number] for kind in TYPES for number in range(3)]
    members = [msgspec.structs.replace(each, time=START) for each in members]
    panes = counted([(0, members), (0, members)], made)
    assert written == [(int(START.timestamp()), ())] * 2
    ((slices, _, pane),) = panes
    told = answers(slices, pane[()].states, 60)
    assert (told["all"], told["completed"], pane[()].revision) == (12, 6, 1)
