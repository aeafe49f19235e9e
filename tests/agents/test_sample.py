"""Sampling of location pings: pure, stable for ever, of the right share, by driver and slot."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.sample import left_out
from streams.moments import milliseconds
from streams.sampling import threshold, ticket

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
milliseconds([START])  # what reads times loads more at its first call, for which no example is to wait


class Driver(msgspec.Struct):
    """The part of a ping that sampling reads."""

    driver_id: str


class Ping(msgspec.Struct, tag="driver.location.updated", tag_field="type"):
    """A location ping."""

    time: datetime
    data: Driver


class Trip(msgspec.Struct, tag="trip.started", tag_field="type"):
    """Any other event of a driver."""

    sampled: ClassVar[bool] = False
    time: datetime
    data: Driver


def _pings(drivers: int, slots: int) -> list[Ping]:
    return [
        Ping(START + timedelta(seconds=10 * slot), Driver(f"driver-{driver}"))
        for driver in range(drivers)
        for slot in range(slots)
    ]


def kept(events: list[Any], rate: float) -> list[bool]:
    """For each event whether it is kept."""
    out = left_out(events, rate)
    return [place not in out for place in range(len(events))]


def test_the_tickets_never_change() -> None:
    """These numbers are part of the stored data's meaning: a new hash would need a new setting."""
    assert ticket("nyc-driver-1", 1_640_995_200) == 1_485_584_873_958_673_500
    assert ticket("nyc-driver-1", 1_640_995_209.9) == 1_485_584_873_958_673_500
    assert ticket("Zoë", 0) == 16_478_007_125_548_487_967


@given(st.floats(0, 1), st.integers(0, 5))
def test_the_verdict_is_the_same_however_the_events_are_cut(rate: float, cut: int) -> None:
    pings = _pings(4, 5)
    whole = kept(pings, rate)
    one_by_one = [kept([ping], rate)[0] for ping in pings]
    parts = kept(pings[:cut], rate) + kept(pings[cut:], rate)
    assert whole == one_by_one == parts


def test_the_share_kept_is_the_rate() -> None:
    pings = _pings(100, 200)
    for rate in (0.05, 0.2, 0.7):
        share = sum(kept(pings, rate)) / len(pings)
        # Five standard deviations of 20,000 draws.
        assert abs(share - rate) < 5 * (rate * (1 - rate) / len(pings)) ** 0.5


def test_a_lower_rate_keeps_a_part_of_what_a_higher_one_keeps() -> None:
    pings = _pings(30, 30)
    low, high = kept(pings, 0.1), kept(pings, 0.4)
    assert not all(low)
    assert not all(high)
    assert all(more for less, more in zip(low, high, strict=True) if less)


def test_the_pings_of_one_slot_stay_together() -> None:
    for slot in range(50):
        begin = START + timedelta(seconds=10 * slot)
        within = [Ping(begin + timedelta(milliseconds=ms), Driver("d")) for ms in (0, 1, 5000, 9999)]
        assert len(set(kept(within, 0.5))) == 1
    beyond = [Ping(START + timedelta(seconds=10 * slot), Driver("d")) for slot in range(50)]
    assert len(set(kept(beyond, 0.5))) == 2


def test_only_pings_are_sampled() -> None:
    trips = [Trip(ping.time, ping.data) for ping in _pings(10, 10)]
    assert left_out(trips, 0) == set()
    mixed = [*trips, *_pings(1, 3)]
    assert kept(mixed, 0) == [True] * 100 + [False] * 3


def test_the_ends_of_the_rate() -> None:
    pings = _pings(10, 10)
    assert left_out(pings, 1) == set()
    assert kept(pings, 0) == [False] * 100
    assert threshold(1) == 2**64
