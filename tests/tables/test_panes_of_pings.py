"""Windows of sampled pings are what a plain loop counts: by weight, of known places, drivers without a trip apart."""

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.locate import Spot
from streams import codec
from streams.events import registry
from streams.events.domains import RIDES
from streams.events.sample import sample
from streams.sampling import SAMPLED_TYPE
from tables.aggregates import Count, Distinct, Rate
from tables.columns import by_type
from tables.panes import Panes
from tables.window import Declared, Measures
from tables.wire import answers

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SIZE, LATENESS = 60, 120
RATES = (Fraction(1, 5), Fraction(3, 10), Fraction(1))
MEASURES = (
    Count("rows"),
    Count("pings", weighted=True),
    Rate("rate", weighted=True),
    Distinct("drivers", column="driver_id"),
    Distinct("free", column="driver_id", without="trip_id"),
)


class Ping(NamedTuple):
    """As the oracle sees it."""

    second: int
    driver: str
    trip: str | None
    cell: int
    """0: nobody knows where."""


class Batch(NamedTuple):
    """Pings that were sampled at one rate; the watermark in seconds after START."""

    watermark: int
    rate: Fraction
    pings: list[Ping]


pings = st.builds(
    Ping, st.integers(-400, 900), st.sampled_from("abc"), st.sampled_from((None, "t1", "t2")), st.integers(0, 2)
)
batches = st.lists(
    st.builds(Batch, st.integers(0, 900), st.sampled_from(RATES), st.lists(pings, max_size=12)), max_size=8
)


def declared() -> Declared:
    """One window by cell."""
    made = Declared()
    over = Measures("pings", RIDES, (SAMPLED_TYPE,), MEASURES, ("position_cell",), "position_cell", lateness=LATENESS)
    made.tumbling("pings.1m", over, size=SIZE)
    return made


def template() -> Any:
    """A decoded ping."""
    spec = registry.events[SAMPLED_TYPE]
    (event,) = codec.decode_values([msgspec.json.encode(sample(spec, random.Random(1)))], spec.topic)
    return event


TEMPLATE = template()


def event(ping: Ping) -> Any:
    """The same, decoded; the zone's name is the number of the cell."""
    where = msgspec.structs.replace(TEMPLATE.data.position, zone=str(ping.cell))
    data = msgspec.structs.replace(TEMPLATE.data, driver_id=ping.driver, trip_id=ping.trip, position=where)
    return msgspec.structs.replace(TEMPLATE, time=START + timedelta(seconds=ping.second), data=data)


def spot(position: Any) -> Spot:
    """Where such a position is."""
    return None, None, "", "", "", "", int(position.zone)


def counted(given_batches: list[Batch]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What a person is shown of the panes."""
    made = declared()
    panes, watermark = Panes(0, made, {}), 0
    for seq, batch in enumerate(given_batches):
        watermark = max(watermark, int((START.timestamp() + batch.watermark) * 1000))
        columns = [columns for columns, _ in by_type(list(map(event, batch.pings)), spot)]
        panes.apply(columns, seq=seq, watermark=watermark, rate=float(batch.rate))
    return {
        (start, *key): answers(slices, line.states, SIZE) for slices, start, pane in panes for key, line in pane.items()
    }


def oracle(given_batches: list[Batch]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """By the definition: a loop over everything."""
    found: dict[tuple[Any, ...], list[tuple[Ping, Fraction]]] = {}
    watermark = 0
    for batch in given_batches:
        watermark = max(watermark, batch.watermark)
        for ping in batch.pings:
            start = ping.second // SIZE * SIZE
            if ping.cell and start + SIZE + LATENESS > watermark:
                place = (int(START.timestamp()) + start, ping.cell)
                found.setdefault(place, []).append((ping, 1 / batch.rate))
    return {place: shown(members) for place, members in found.items()}


def shown(members: list[tuple[Ping, Fraction]]) -> dict[str, Any]:
    """What a person is shown of these pings and what each stands for, computed plainly."""
    total = sum(weight for _, weight in members)
    return {
        "rows": len(members),
        "pings": round(total),
        "rate": pytest.approx(float(total) / SIZE, rel=1e-6),
        "drivers": len({ping.driver for ping, _ in members}),
        "free": len({ping.driver for ping, _ in members if ping.trip is None}),
    }


@settings(max_examples=60, deadline=None)
@given(batches)
def test_windows_of_pings_are_what_a_plain_loop_counts(given_batches: list[Batch]) -> None:
    assert counted(given_batches) == oracle(given_batches)
