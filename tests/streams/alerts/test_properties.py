"""What holds for any readings: no flapping, never early, never twice, no matter the order or a restart."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts import Alert, Observation, Rule, Status, dump, look, restore
from streams.errors import ConfigurationError

START = datetime(2026, 3, 1, tzinfo=UTC)
Reading = tuple[int, float | None]

rules = st.builds(
    lambda over, band, wait, back, gap, absent: Rule(
        name="r",
        window="w",
        measure="m",
        above=50 if over else None,
        below=None if over else 50,
        recover=50 - band if over else 50 + band,
        for_seconds=wait,
        recover_for_seconds=back,
        gap_seconds=gap,
        absent_after_seconds=absent,
        summary="{value}",
    ),
    st.booleans(),
    st.sampled_from([0, 10, 30]),
    st.sampled_from([0, 1, 7, 30]),
    st.sampled_from([0, 1, 7, 30]),
    st.sampled_from([5, 12, 100]),
    st.sampled_from([None, 9, 60]),
)
values = st.none() | st.sampled_from([0.0, 20.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 80.0, 100.0])
series = st.lists(st.tuples(st.integers(1, 15), values), max_size=40).map(
    lambda steps: [(sum(step for step, _ in steps[: n + 1]), value) for n, (_, value) in enumerate(steps)]
)


def seen(reading: Reading) -> Observation:
    """The reading as the engine takes it."""
    return Observation("w", "m", START + timedelta(seconds=reading[0]), reading[1])


def run(rule: Rule, readings: list[Reading], states: Any = None) -> tuple[list[Alert], Any]:
    """Look at each reading when it happens."""
    told, states = [], states or {}
    for reading in readings:
        states, now = look([rule], states, [seen(reading)], START + timedelta(seconds=reading[0]))
        told += now
    return told, states


def thresholds(told: list[Alert]) -> list[Alert]:
    """Without absences."""
    return [alert for alert in told if alert.kind == "threshold"]


@given(rules, series)
def test_firing_and_recovery_alternate_and_go_together(rule: Rule, readings: list[Reading]) -> None:
    told = run(rule, readings)[0]
    for kind in ("threshold", "absence"):
        these = [alert for alert in told if alert.kind == kind]
        statuses = [alert.status for alert in these]
        assert statuses == [Status.FIRING, Status.RECOVERED] * (len(these) // 2) + [Status.FIRING] * (len(these) % 2)
        assert [a.id for a in these[::2]][: len(these) // 2] == [a.id for a in these[1::2]]
        assert len({a.id for a in these[::2]}) == len(these[::2]), "two troubles have one id"


@given(rules, series)
def test_never_fires_before_the_whole_stretch_was_broken(rule: Rule, readings: list[Reading]) -> None:
    for alert in thresholds(run(rule, readings)[0]):
        at, since = ((moment - START).total_seconds() for moment in (alert.at, alert.since))
        if alert.status is Status.FIRING:
            within = [value for second, value in readings if since <= second <= at]
            assert at - since >= rule.for_seconds
            assert all(value is None or rule.breaks(value) for value in within)
        else:
            before = [value for second, value in readings if second <= at and value is not None]
            assert rule.heals(before[-1])


@given(rules, series)
def test_nothing_is_told_inside_the_band(rule: Rule, readings: list[Reading]) -> None:
    inside = [(at, value) for at, value in readings if value is None or not (rule.breaks(value) or rule.heals(value))]
    assert not thresholds(run(rule, inside)[0])
    # An alert that is on stays on.
    lasting = Rule(name="r", window="w", measure="m", above=50, recover=20, summary="{value}")
    tail = [(at, value) for at, value in readings if value is None or value > lasting.recover]  # type: ignore[operator]
    told = run(lasting, [(0, 51.0), *tail])[0]
    assert [alert.status for alert in told] == [Status.FIRING]


@given(rules, series, st.data())
def test_the_order_within_a_look_is_no_matter(rule: Rule, readings: list[Reading], data: st.DataObject) -> None:
    now = START + timedelta(seconds=readings[-1][0] if readings else 0)
    shuffled = data.draw(st.permutations(readings))
    assert look([rule], {}, map(seen, readings), now) == look([rule], {}, map(seen, shuffled), now)


@given(rules, series, st.data())
def test_readings_that_come_late_or_twice_change_nothing(
    rule: Rule, readings: list[Reading], data: st.DataObject
) -> None:
    known = [reading for reading in readings if reading[1] is not None]
    with_late: list[tuple[int, Reading]] = []
    for n, reading in enumerate(known):
        with_late.append((reading[0], reading))
        with_late += [(reading[0], old) for old in data.draw(st.lists(st.sampled_from(known[: n + 1]), max_size=2))]
        # A value that was never seen, from before.
        with_late.append((reading[0], (reading[0] - 1, 100.0 - (reading[1] or 0))) if n else with_late[-1])
    told, states = [], {}  # type: ignore[var-annotated]
    for now, reading in with_late:
        states, more = look([rule], states, [seen(reading)], START + timedelta(seconds=now))
        told += more
    # A reading between two others that comes after both is late, and one that fills a gap of time is not.
    in_order = [r for n, (_, r) in enumerate(with_late) if r[0] > max([b[0] for _, b in with_late[:n]], default=-1)]
    assert thresholds(told) == thresholds(run(rule, in_order)[0])


@given(rules, series, st.data())
def test_a_restart_anywhere_tells_the_same(rule: Rule, readings: list[Reading], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(readings)))
    before, states = run(rule, readings[:cut])
    saved = json.loads(json.dumps(dump(states)))
    after, end = run(rule, readings[cut:], restore(saved, [rule]))
    assert (before + after, end) == run(rule, readings)


def test_states_of_rules_that_are_gone_or_have_another_key_are_left_out() -> None:
    rule = Rule(name="r", window="w", measure="m", above=50, summary="{value}")
    saved = dump(run(rule, [(0, 99.0)])[1])
    assert restore(saved, [rule])
    assert restore(saved, []) == {}
    assert restore(saved, [Rule(name="r", window="w", measure="m", key={"a": "b"}, above=50, summary="-")]) == {}


@pytest.mark.parametrize("wrong", [{}, {"format": 2, "states": []}, {"format": 1, "states": [{"rule": "r"}]}])
def test_what_is_no_saved_state_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="saved alerts"):
        restore(wrong, [])
