"""Due times on the clock of a zone: what is skipped, repeated or does not exist, held to plain counting of minutes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadata.schedule.cron import Cron
from streams.errors import ConfigurationError

SPRING = datetime(2030, 3, 10, 5, tzinfo=UTC)
"""Midnight in New York; at 2:00 the clock goes to 3:00."""
AUTUMN = datetime(2030, 11, 3, 4, tzinfo=UTC)
"""Midnight in New York; at 2:00 the clock goes to 1:00."""
CHANGES = {
    "America/New_York": (SPRING, AUTUMN),
    "Europe/London": (datetime(2030, 3, 31, tzinfo=UTC), datetime(2030, 10, 26, 23, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2030, 10, 5, 13, tzinfo=UTC), datetime(2030, 4, 6, 13, tzinfo=UTC)),
    "Asia/Kathmandu": (SPRING, AUTUMN),
}


def shown(expression: str, begin: datetime, count: int, zone: str = "America/New_York") -> list[str]:
    """Due times after a moment, as day, time and offset of the zone."""
    found = islice(Cron(expression, zone).after(begin), count)
    return [f"{each.astimezone(ZoneInfo(zone)):%d %H:%M%z}" for each in found]


@pytest.mark.parametrize(
    ("expression", "begin", "due"),
    [
        ("30 2 * * *", SPRING, ["10 03:00-0400", "11 02:30-0400", "12 02:30-0400"]),  # 2:30 does not exist
        ("0,30 2 * * *", SPRING, ["10 03:00-0400", "11 02:00-0400", "11 02:30-0400"]),
        ("30 1 * * *", AUTUMN, ["03 01:30-0400", "04 01:30-0500", "05 01:30-0500"]),  # 1:30 exists twice
        ("30 1 * * *", AUTUMN + timedelta(minutes=91), ["04 01:30-0500"]),
        ("30 1 * * *", AUTUMN + timedelta(minutes=130), ["04 01:30-0500"]),  # within the second one
        ("30 * * * *", SPRING, ["10 00:30-0500", "10 01:30-0500", "10 03:30-0400"]),
        ("30 * * * *", AUTUMN, ["03 00:30-0400", "03 01:30-0400", "03 01:30-0500", "03 02:30-0500"]),
        ("*/30 1 3 11 *", AUTUMN + timedelta(minutes=91), ["03 01:00-0500", "03 01:30-0500", "03 01:00-0500"]),
        ("0 12 29 2 *", AUTUMN, ["29 12:00-0500"]),
        ("0 0 * * MON#1", SPRING, ["01 00:00-0400"]),
    ],
)
def test_on_days_of_change(expression: str, begin: datetime, due: list[str]) -> None:
    assert shown(expression, begin, len(due)) == due


def test_a_change_within_the_second_of_the_moment() -> None:
    begin = SPRING + timedelta(hours=2, microseconds=200_000)
    assert [next(Cron("0 12 * * *", "America/New_York").after(begin - timedelta(days=day))).hour for day in (0, 1)] == [
        16,
        17,
    ]


@settings(deadline=None, max_examples=40)
@given(
    zone=st.sampled_from(sorted(CHANGES)),
    place=st.integers(0, 1),
    offset=st.integers(-200, 600),
    minutes=st.sampled_from(["*/7", "*/30", "*", "5", "0,30", "15-20"]),
    hours=st.sampled_from(["*", "*/2", "*/3"]),
)
def test_by_the_clock_of_the_wall(zone: str, place: int, offset: int, minutes: str, hours: str) -> None:
    begin = CHANGES[zone][place] + timedelta(minutes=offset)
    cron = Cron(f"{minutes} {hours} * * *", zone)
    wanted = []
    for minute in range(1, 601):
        moment = begin + timedelta(minutes=minute)
        local = moment.astimezone(cron.zone)
        if local.minute in numbers(minutes, 60) and local.hour in numbers(hours, 24):
            wanted.append(moment)
    found = [each for each in islice(cron.after(begin), 600) if each <= begin + timedelta(minutes=600)]
    assert found == wanted


def numbers(field: str, end: int) -> set[int]:
    """What a field of an expression names."""
    if field.startswith("*"):
        return set(range(0, end, int(field[2:] or 1)))
    if "-" in field:
        first, last = field.split("-")
        return set(range(int(first), int(last) + 1))
    return {int(each) for each in field.split(",")}


@settings(deadline=None, max_examples=30)
@given(
    expression=st.sampled_from(["30 2 * * *", "*/5 * * * *", "0 0 1 * *", "10,50 1,2,3 * * SUN", "0 */6 * * *"]),
    zone=st.sampled_from(sorted(CHANGES)),
    hours=st.integers(0, 300),
    count=st.integers(1, 7),
)
def test_the_newest_are_the_last_of_all(expression: str, zone: str, hours: int, count: int) -> None:
    cron, until = Cron(expression, zone), CHANGES[zone][1] + timedelta(hours=7)
    begin = until - timedelta(hours=hours)
    every = []
    for due in cron.after(begin):
        if due > until:
            break
        every.append(due)
    assert cron.newest(begin, until, count) == every[-count:]
    assert every == sorted(set(every))


def test_years_without_a_scheduler_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    cron, until, seen = Cron("* * * * *", "Europe/London"), SPRING, 0
    every = cron.after

    def counted(moment: datetime) -> Iterator[datetime]:
        nonlocal seen
        for due in every(moment):
            seen += 1
            yield due

    monkeypatch.setattr(cron, "after", counted)
    assert len(cron.newest(until - timedelta(days=4000), until, 3)) == 3
    assert seen < 200


@pytest.mark.parametrize(
    ("expression", "zone", "says"),
    [
        ("30 2 * * *", "Europe/Atlantis", "'Europe/Atlantis' is no IANA zone"),
        ("30 2 * * *", "../etc/passwd", "no IANA zone"),
        ("30 2 * *", "UTC", "five fields"),
        ("0 30 2 * * *", "UTC", "five fields"),
        ("61 2 * * *", "UTC", "Bad minute"),
        ("0 0 30 2 *", "UTC", "no cron expression: Bad day-of-month"),
        ("0 0 29 2 MON#5", "UTC", None),
    ],
)
def test_what_is_never_due_is_refused(expression: str, zone: str, says: str | None) -> None:
    if says is None:
        assert Cron(expression, zone).next(SPRING) > SPRING
        return
    with pytest.raises(ConfigurationError, match=says):
        Cron(expression, zone)
