"""The generated world: valid events, journeys in order, the same bytes for the same seed, known shares of faults."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any

import msgspec
import pytest

from streams import codec, skew
from streams.errors import Reject
from streams.events import registry
from streams.sampling import threshold, ticket
from streams.world import clock, faults
from streams.world.dice import Dice
from streams.world.mix import Shares, mix
from streams.world.record import Record, compose
from streams.world.traffic import events, pace
from streams.world.truth import Tally, Truth, expected, merged

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BOTH = ("rides", "ticketing")
DAY = 86_400.0


def _events(seed: int, count: int, domains: tuple[str, ...] = BOTH, run: str = "r") -> list[Record]:
    times = clock.over(NOW.timestamp(), 24, count)
    return list(islice(events(domains, Dice(seed), run, times, count / DAY), count))


_known = cache(_events)
"""The same, made once for all tests that only look at them."""


def _mixed(seed: int, count: int, shares: Shares) -> list[Record]:
    dice = Dice(seed)
    valid = events(BOTH, dice, "r", clock.over(NOW.timestamp(), 24, count), count / DAY)
    return list(islice(mix(valid, shares, dice, "r", 1000), count))


def _judged(records: list[Record]) -> Iterator[tuple[Record, Any]]:
    """Each record with what the pipeline says to it: a reason or the decoded event."""
    for record in records:
        (found,) = codec.decode_values([record.value], topic=record.topic)
        if isinstance(found, codec.Refusal):
            yield record, found.reason
        else:
            too_old = NOW.replace(year=NOW.year - 2)
            yield record, skew.verdicts([found], NOW, 300, too_old).get(0, found)


def test_every_type_occurs_and_every_event_is_valid() -> None:
    records = _events(1, 30_000)
    assert {record.type for record in records} == set(registry.events)
    for record, verdict in _judged(records):
        assert not isinstance(verdict, Reject), (record, verdict)
        assert record.key == verdict.spec.key(verdict.data)
        assert (verdict.spec.name, verdict.spec.topic) == (record.type, record.topic)
        assert verdict.time.timestamp() == record.time


def test_the_same_seed_is_the_same_bytes() -> None:
    assert _events(7, 3000) == _events(7, 3000)
    assert _events(7, 300) != _events(8, 300)
    ids = [msgspec.json.decode(record.value or b"")["id"] for record in _events(7, 3000)]
    assert len(set(ids)) == 3000
    assert not set(ids) & {msgspec.json.decode(r.value or b"")["id"] for r in _events(7, 3000, run="s")}


def test_events_come_in_the_order_of_their_time_and_not_from_the_future() -> None:
    count = 20_000
    times = clock.over(NOW.timestamp(), 24, count)
    records = _events(3, count)
    moments = [record.time for record in records]
    assert moments == sorted(moments)
    # Half a millisecond is what rounding to the wire's milliseconds may add.
    assert all(record.time <= times(number) + 0.0005 for number, record in enumerate(records))
    assert moments[0] < NOW.timestamp() - 23 * 3600
    assert moments[-1] > NOW.timestamp() - 600


def test_journeys_are_told_in_order() -> None:
    begun: dict[str, str] = {}
    for record in _known(5, 30_000, ("rides",)):
        data = msgspec.json.decode(record.value or b"")["data"]
        booking = data.get("booking_id")
        if record.type == "booking.created":
            begun[booking] = "created"
        elif booking is not None:
            assert booking in begun, record.type
        if record.type == "trip.started":
            begun[booking] = "started"
        if record.type in ("trip.completed", "booking.completed"):
            assert begun[booking] == "started"
    assert Counter(begun.values())["started"] > 500


def test_keys_are_hot() -> None:
    riders = Counter(record.key for record in _known(5, 30_000, ("rides",)) if record.topic == "rides.booking")
    busiest = sum(count for _, count in riders.most_common(len(riders) // 10))
    assert busiest > 0.25 * riders.total()


def test_the_day_has_a_curve_and_the_clock_never_falls() -> None:
    times = clock.over(NOW.timestamp(), 24, 24_000)
    moments = [times(number) for number in range(24_001)]
    assert moments == sorted(moments)
    assert moments[0] == pytest.approx(NOW.timestamp() - DAY)
    assert moments[-1] == pytest.approx(NOW.timestamp())
    hours = Counter(int(moment // 3600 % 24) for moment in moments[:-1])
    assert hours[19] > 5 * hours[3]
    assert times(30_000) == pytest.approx(NOW.timestamp())
    assert clock.live(100, 50)(25) == 100.5


def test_high_rates_shorten_journeys_instead_of_piling_them_up() -> None:
    assert pace(10) == 1
    assert pace(10_000) == pytest.approx(1 / 60)


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.kind)
def test_each_fault_is_refused_for_its_reason(fault: faults.Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FAULTS", (fault,))
    dice, seen = Dice(1), 0
    for record in _known(2, 4000):
        if fault.applies(msgspec.json.decode(record.value or b"")):
            seen += 1
            spoiled = faults.spoiled(record, "x", dice)
            ((_, verdict),) = _judged([spoiled])
            assert verdict == fault.reason == spoiled.fault, (spoiled.value, verdict)
    assert seen > 100


def test_the_time_of_a_record_is_the_one_on_the_wire() -> None:
    """Else a ping at the edge of a sampling slot would be counted in another slot than the workers find it in."""
    record = compose("/s", "1", "driver.location.updated", 1795463019.999551, {"driver_id": "d"})
    assert record.time == 1795463020.0
    for record in _events(9, 5000, ("rides",)):
        wire = datetime.fromisoformat(msgspec.json.decode(record.value or b"")["time"])
        assert record.time == wire.timestamp()


def test_the_mix_says_what_is_in_it() -> None:
    records = _mixed(11, 20_000, Shares(invalid=0.02, duplicate=0.03, late=0.04))
    seen: dict[bytes, int] = {}
    counts: Counter[str] = Counter()
    for number, (record, verdict) in enumerate(_judged(records)):
        assert (verdict if isinstance(verdict, Reject) else None) == record.fault
        if record.fault is not None:
            counts["invalid"] += 1
            continue
        value = record.value or b""
        assert (value in seen) == record.repeat
        if record.repeat:
            assert 0 < number - seen[value] < 10_000
        seen.setdefault(value, number)
        counts["duplicate"] += record.repeat
        counts["late"] += record.late
    assert counts["invalid"] == pytest.approx(400, rel=0.2)
    assert counts["duplicate"] == pytest.approx(600, rel=0.2)
    assert counts["late"] == pytest.approx(800, rel=0.2)


def test_late_events_are_accepted_and_hours_old() -> None:
    late = [record for record in _mixed(3, 5000, Shares(late=0.1)) if record.late]
    assert len(late) > 400
    for record, verdict in _judged(late):
        assert not isinstance(verdict, Reject)
        assert verdict.time.timestamp() == record.time


def test_the_truth_foretells_rows_dead_letters_and_duplicates() -> None:
    records = _mixed(4, 20_000, Shares(0.05, 0.05, 0.02))
    tally = Tally(Truth(command="t", run="r", started_at="", sample_rate=0.3))
    rows: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    duplicates = sampled_out = 0
    seen: set[tuple[str, str]] = set()
    for record, verdict in _judged(records):
        tally.count(record)
        if isinstance(verdict, Reject):
            dead[verdict] += 1
        elif record.driver_id is not None and ticket(verdict.data.driver_id, verdict.time.timestamp()) >= threshold(
            0.3
        ):
            sampled_out += 1
        elif (verdict.source, verdict.id) in seen:
            duplicates += 1
        else:
            seen.add((verdict.source, verdict.id))
            rows[verdict.spec.domain.raw_table] += 1
            rows["booking_events"] += verdict.spec.topic == "rides.booking"
            rows["location_events"] += verdict.spec.topic == "rides.location"
            rows["ticket_sales"] += verdict.spec.name in ("ticket.purchased", "ticket.refunded")
            rows["page_views"] += verdict.spec.name == "page.viewed"
    truth = tally.finished()
    assert truth.sent == len(records) == sum(truth.by_type.values()) + sum(truth.faults.values()) + truth.duplicates
    # As JSON, the way another process gets it.
    foretold = expected(msgspec.json.decode(msgspec.json.encode(truth)))
    assert foretold["dead_letters"] == dead
    assert (foretold["duplicates"], foretold["sampled_out"]) == (duplicates, sampled_out)
    assert {table: foretold["rows"][table] for table in rows} == rows
    twice = merged([foretold, foretold])
    assert twice["rows"]["events"] == 2 * rows["events"]
    assert (twice["duplicates"], twice["dead_letters"]["invalid"]) == (2 * duplicates, 2 * dead["invalid"])
