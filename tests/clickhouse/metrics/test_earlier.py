"""Each period is compared with one that is cut alike: in whole days, weeks and months, on days of change too."""

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.metrics import answer, catalogue, periods
from clickhouse.metrics.earlier import before, earlier
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import Question, ask
from tests.support.metric_oracle import expected
from tests.support.metric_world import NEW_YORK, World, change_of_clocks

NOW = datetime(2026, 5, 20, 10, 7, 3, tzinfo=UTC)
CREATED = catalogue.BY_NAME["rides.bookings_created"]


def moment(text: str, zone: str) -> datetime:
    """A time on the clock of a zone, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("granularity", "zone", "begin", "end", "earlier_begin", "earlier_end"),
    [
        # One value: as long as the range, and in days where that is of days, be they of 23 hours.
        ("total", "UTC", "2026-05-13T00:00", "2026-05-20T10:15", "2026-05-05T13:45", "2026-05-13T00:00"),
        ("total", "America/New_York", "2026-03-08", "2026-03-10", "2026-03-06", "2026-03-08"),
        # Seven days and a part of the eighth: the part stands beside such a part, and whole days beside whole ones.
        ("day", "UTC", "2026-05-13T00:00", "2026-05-20T10:15", "2026-05-05T00:00", "2026-05-12T10:15"),
        # An age of seven days, and the quarter of an hour that runs: the same weekdays, and nothing counts twice.
        ("day", "UTC", "2026-05-13T10:00", "2026-05-20T10:15", "2026-05-06T10:00", "2026-05-13T10:00"),
        ("day", "America/New_York", "2026-03-08", "2026-03-10", "2026-03-06", "2026-03-08"),
        ("week", "UTC", "2026-05-11", "2026-05-20", "2026-04-27", "2026-05-06"),
        # Months have lengths of their own.
        ("month", "UTC", "2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01"),
        ("month", "UTC", "2026-03-01", "2026-04-10", "2026-01-01", "2026-02-10"),
        ("month", "UTC", "2026-03-10", "2026-05-10", "2026-01-10", "2026-03-10"),
        ("month", "UTC", "2026-03-31", "2026-04-30", "2026-02-28", "2026-03-30"),
        ("quarter", "UTC", "2026-04-01", "2026-07-01", "2026-01-01", "2026-04-01"),
        ("year", "UTC", "2024-01-01", "2026-05-20", "2021-01-01", "2023-05-20"),
        # Hours of the clock: in whole days, or where the range is shorter in whole hours.
        ("hour", "Asia/Kathmandu", "2026-05-13T00:00", "2026-05-20T10:15", "2026-05-05T00:00", "2026-05-12T10:15"),
        ("hour", "UTC", "2026-05-19T10:00", "2026-05-20T10:15", "2026-05-18T10:00", "2026-05-19T10:00"),
        ("hour", "UTC", "2026-05-20T04:00", "2026-05-20T10:15", "2026-05-19T21:00", "2026-05-20T03:15"),
        ("15m", "UTC", "2026-05-20T09:00", "2026-05-20T10:15", "2026-05-20T07:45", "2026-05-20T09:00"),
    ],
)
def test_the_range_before_is_cut_alike(
    granularity: str, zone: str, begin: str, end: str, earlier_begin: str, earlier_end: str
) -> None:
    first, last = moment(begin, zone), moment(end, zone)

    found = before(first, last, ZoneInfo(zone), Granularity(granularity))

    assert found == (moment(earlier_begin, zone), moment(earlier_end, zone))


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo"])
def test_the_ranges_lie_apart_and_every_period_has_one_beside_it(granularity: Granularity, zone: str) -> None:
    own, is_short = ZoneInfo(zone), periods.is_short(granularity)
    for month, hours in product((3, 4, 10, 11), (1, 5, 24, 25, 72) if is_short else (5, 25, 170, 24 * 61)):
        begin = datetime(2026, month, 1, 3, 15, tzinfo=UTC)
        end = begin + timedelta(hours=hours)
        first, last = before(begin, end, own, granularity)

        assert first < last <= begin
        how = earlier(begin, end, own, granularity)
        there = {*periods.starts(first, last, granularity, own)}
        beside = [how.beside(start, granularity) for start in periods.starts(begin, end, granularity, own)]
        assert beside.count(None) <= (12 if is_short else 0)
        assert len({*beside} - there - {None}) <= 1  # the running quarter of an hour may lie behind the range


def test_an_hour_that_the_clock_did_not_show_stands_beside_none() -> None:
    zone = ZoneInfo("America/New_York")
    day = moment("2026-03-09", zone.key)
    how = earlier(day, moment("2026-03-10", zone.key), zone, Granularity.HOUR)
    beside = [how.beside(day + timedelta(hours=hour), Granularity.HOUR) for hour in range(24)]

    assert beside[2] is None
    assert [each.astimezone(zone).hour for each in beside if each] == [0, 1, *range(3, 24)]


async def test_hours_are_compared_by_the_clock_over_a_change(metric_world: World, reader: AsyncClient) -> None:
    day = change_of_clocks().astimezone(NEW_YORK).date()
    begin, end = (periods.midnight(day + timedelta(days=number), NEW_YORK) for number in (0, 1))
    earlier_begin = periods.midnight(day - timedelta(days=1), NEW_YORK)
    question = Question(CREATED, begin, end, NEW_YORK, Granularity.HOUR)

    found = await answer.answer(reader, question, compare=True)

    rows = metric_world.rows
    then = expected(CREATED.name, rows, earlier_begin, begin, "hour", NEW_YORK, (), is_money=False)
    by_clock = {datetime.fromisoformat(start).hour: value for (start,), value in then.items()}
    assert found.compared == (earlier_begin, begin)
    assert len(found.rows) in (23, 25)
    assert [row.previous for row in found.rows] == [by_clock.get(row.start.hour) for row in found.rows]
    assert sum(row.previous is not None for row in found.rows) > 20


async def test_a_month_is_compared_with_the_month_before(metric_world: World, reader: AsyncClient) -> None:
    day = change_of_clocks().date().replace(day=1)
    begin, end = day.isoformat(), (day + timedelta(days=31)).replace(day=1).isoformat()
    question = ask(CREATED, begin=begin, end=end, zone="UTC", granularity="month")

    found = await answer.answer(reader, question, compare=True)

    assert found.compared is not None
    assert [at.day for at in found.compared] == [1, 1]
    assert found.compared[1] == question.begin


@pytest.mark.parametrize("name", ["rides.bookings_created", "rides.booking_conversion", "ticketing.visitors"])
@pytest.mark.parametrize("exact", [False, True])
async def test_before_all_time_there_is_nothing(
    name: str, exact: bool, metric_world: World, reader: AsyncClient
) -> None:
    words = {"begin": "2000-01-01", "end": "2099-12-31", "granularity": "year", "zone": "UTC"}
    question = ask(catalogue.BY_NAME[name], **words, exact=exact)  # type: ignore[arg-type]

    found = await answer.answer(reader, question, compare=True)

    assert found.compared == (datetime(1900, 1, 1, tzinfo=UTC), datetime(1999, 12, 31, tzinfo=UTC))
    assert [row.previous for row in found.rows] == [None] * len(found.rows)
    assert found.rows
    assert metric_world.rows
