"""When a rule fires and when it is over: the cases a reader would ask about, one each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.alerts import Alert, Key, Kind, Observation, Phase, Ratio, Rule, State, Status, firing, look
from streams.alerts.engine import AHEAD, FORGET

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HIGH = Rule(
    name="high", window="w", measure="m", above=10, recover=5, for_seconds=60, recover_for_seconds=60, summary="{value}"
)


def moment(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def reading(seconds: float, value: float | None, key: Key = (), measure: str = "m", stale: bool = False) -> Observation:
    """One of the window `w`."""
    return Observation("w", measure, moment(seconds), value, key, stale)


class Watch:
    """One rule, looked at again and again."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.states: dict[Any, State] = {}

    def look(self, now: float, *observations: Observation) -> list[Alert]:
        """Look at `now` seconds after the start."""
        self.states, told = look([self.rule], self.states, observations, moment(now))
        return told

    def told(self, *readings: tuple[float, float | None]) -> list[tuple[float, str]]:
        """Look at each reading as it comes: when what was told."""
        return [(at, str(alert.status)) for at, value in readings for alert in self.look(at, reading(at, value))]

    @property
    def phase(self) -> Phase:
        """Of its only key."""
        (state,) = self.states.values()
        return state.phase


def test_fires_when_it_was_broken_for_long_enough_and_recovers_likewise() -> None:
    watch = Watch(HIGH)
    readings = [(0, 11), (30, 99), (60, 11), (90, 11), (120, 5), (150, 0), (180, 5), (210, 5), (240, 0)]
    assert watch.told(*readings) == [(60, "firing"), (180, "recovered")]


def test_one_good_reading_begins_the_wait_anew_in_both_directions() -> None:
    watch = Watch(HIGH)
    assert watch.told((0, 11), (50, 10), (70, 11), (120, 11)) == []
    assert watch.told((130, 11)) == [(130, "firing")]
    assert watch.told((140, 0), (190, 6), (200, 0), (250, 0)) == []
    assert watch.told((260, 0)) == [(260, "recovered")]


def test_without_durations_each_side_is_told_at_once() -> None:
    watch = Watch(Rule(name="now", window="w", measure="m", below=1, summary="none"))
    assert watch.told((0, 1), (1, 0), (2, 0), (3, 1), (4, 0)) == [(1, "firing"), (3, "recovered"), (4, "firing")]


def test_missing_values_neither_fire_nor_recover_and_are_not_counted() -> None:
    watch = Watch(HIGH)
    assert watch.told((0, 11), (30, 11), (40, None), (100, float("nan")), (200, 11), (229, 11)) == []
    assert watch.told((230, 11)) == [(230, "firing")]
    assert watch.told((240, 0), (270, 0), (280, None), (600, None), (610, 0), (639, 0)) == []
    assert watch.phase is Phase.RECOVERING
    assert watch.told((640, 0)) == [(640, "recovered")]


def test_a_stale_value_is_as_good_as_none() -> None:
    watch = Watch(HIGH)
    for at in (0, 30, 60, 90):
        assert watch.look(at, reading(at, 11, stale=True)) == []
    assert watch.phase is Phase.OK


def test_two_readings_with_a_gap_between_them_are_not_one_stretch() -> None:
    watch = Watch(HIGH)
    assert watch.told((0, 11), (601, 11), (630, 11)) == []
    assert watch.told((661, 11)) == [(661, "firing")]


def test_late_and_repeated_readings_are_passed_over() -> None:
    watch = Watch(HIGH)
    assert watch.look(60, reading(60, 11), reading(0, 11), reading(30, 11))[0].since == moment(0)
    assert watch.look(61, reading(30, 0), reading(60, 0), reading(10, None)) == []
    assert watch.phase is Phase.FIRING


def test_a_reading_from_the_future_does_not_blind_the_rule() -> None:
    watch = Watch(HIGH)
    assert watch.look(0, reading(AHEAD.total_seconds() + 1, 11)) == []
    assert watch.told((0, 11), (60, 11)) == [(60, "firing")]


def test_a_repeat_has_the_same_id_and_another_trouble_another() -> None:
    ids = []
    for _ in range(2):
        watch = Watch(HIGH)
        told = watch.look(300, *[reading(at, 11) for at in (0, 60)], *[reading(at, 0) for at in (70, 130)])
        told += watch.look(400, reading(200, 11), reading(260, 11))
        assert [alert.status for alert in told] == [Status.FIRING, Status.RECOVERED, Status.FIRING]
        ids.append([alert.id for alert in told])
    assert ids[0] == ids[1]
    assert ids[0][0] == ids[0][1] != ids[0][2]


def test_absence_is_an_alert_of_its_own_and_ends_with_the_next_reading() -> None:
    rule = Rule(name="gone", window="w", measure="m", above=10, absent_after_seconds=100, summary="{value}")
    watch = Watch(rule)
    assert watch.look(0, reading(0, 11))[0].kind is Kind.THRESHOLD
    assert watch.look(99, reading(99, None)) == []
    (alert,) = watch.look(100, reading(100, 11, stale=True), reading(0, 11))
    assert (alert.kind, alert.status, alert.since) == (Kind.ABSENCE, Status.FIRING, START)
    assert alert.summary == "no new reading of m in w since 2026-03-01 12:00:00 UTC"
    assert firing(watch.states) == {"gone": 2}
    assert watch.look(500) == []
    both = watch.look(510, reading(505, 3))
    assert [(a.kind, a.status) for a in both] == [
        (Kind.ABSENCE, Status.RECOVERED),
        (Kind.THRESHOLD, Status.RECOVERED),
    ]
    assert both[0].id == alert.id
    assert not firing(watch.states)


def test_what_was_never_seen_can_be_absent() -> None:
    watch = Watch(Rule(name="gone", window="w", measure="m", absent_after_seconds=100, summary="-"))
    assert watch.look(0) == []
    assert watch.look(99) == []
    assert [alert.status for alert in watch.look(100)] == [Status.FIRING]


def test_every_key_is_watched_by_itself_and_forgotten_when_it_is_quiet() -> None:
    rule = Rule(name="each", window="w", measure="m", by=("city",), above=10, summary="{key}: {value:.0f}")
    watch = Watch(rule)
    rome, bonn = (("city", "Rome"),), (("city", "Bonn"),)
    told = watch.look(0, reading(0, 11, key=rome), reading(0, 1, key=bonn), reading(0, 99))
    assert [alert.summary for alert in told] == ["city=Rome: 11"]
    watch.look(FORGET.total_seconds())
    assert list(watch.states) == [("each", rome)]


def test_a_ratio_is_taken_of_the_measures_of_one_moment() -> None:
    ratio = Ratio(("failed",), ("succeeded", "failed"), least=10)
    watch = Watch(Rule(name="ratio", window="w", measure=ratio, above=0.5, summary="{value:.0%} of {measure}"))
    assert watch.look(0, reading(0, 9, measure="failed"), reading(1, 1, measure="succeeded")) == []
    assert watch.look(2, reading(2, 8, measure="failed"), reading(2, 1, measure="succeeded")) == []
    (alert,) = watch.look(3, reading(3, 9, measure="failed"), reading(3, 1, measure="succeeded"))
    assert alert.summary == "90% of failed / (succeeded + failed)"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Observation("w", "m", START.replace(tzinfo=None), 1)


def test_an_alert_is_read_back_from_its_payload() -> None:
    watch = Watch(Rule(name="each", window="w", measure="m", key={"city": "Köln"}, above=1, summary="{value}"))
    (alert,) = watch.look(0, reading(0, 2, key=(("city", "Köln"),)))
    assert Alert.read(alert.document()) == alert
