"""Periods of time in any zone: their beginnings as people reckon them, and the ClickHouse expression of the same."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from streams.unknown import unknown

QUARTER_SECONDS: Final = 900
"""All zones of the world lie a multiple of this from UTC; rollups are cut so."""


class Granularity(StrEnum):
    """Lengths of the periods of an answer."""

    TOTAL = "total"
    FIVE_MINUTES = "5m"
    QUARTER_HOUR = "15m"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_SECONDS: Final = {Granularity.FIVE_MINUTES: 300, Granularity.QUARTER_HOUR: 900, Granularity.HOUR: 3600}
_HOUR: Final = timedelta(hours=1)
_DAYS: Final = {
    Granularity.DAY: 1,
    Granularity.WEEK: 7,
    Granularity.MONTH: 31,
    Granularity.QUARTER: 92,
    Granularity.YEAR: 366,
}
"""Days after the first of a period of which the next one has some, and the one after none."""
_STARTS: Final = {
    Granularity.FIVE_MINUTES: "toUnixTimestamp(toStartOfFiveMinutes({time}))",
    Granularity.QUARTER_HOUR: "toUnixTimestamp(toStartOfFifteenMinutes({time}))",
    Granularity.HOUR: "toUnixTimestamp(toStartOfHour({time}, {{zone:String}}))",
    Granularity.DAY: "toDate({time}, {{zone:String}})",
    Granularity.WEEK: "toMonday({time}, {{zone:String}})",
    Granularity.MONTH: "toStartOfMonth({time}, {{zone:String}})",
    Granularity.QUARTER: "toStartOfQuarter({time}, {{zone:String}})",
    Granularity.YEAR: "toStartOfYear({time}, {{zone:String}})",
}


def start_of(granularity: Granularity, time: str) -> str:
    """The expression of a period's beginning: seconds since 1970, or a day of the zone; not for TOTAL."""
    return _STARTS[granularity].format(time=time)


def zone_of(name: str) -> ZoneInfo:
    """A zone by its IANA name. Raises QueryRefused."""
    # ZoneInfo opens any file of the system's folder, of which ClickHouse knows the zones of IANA alone.
    if name in _zones():
        return ZoneInfo(name)
    hint = "Give an IANA name, such as America/New_York."
    raise unknown("{} is no time zone.", name, _zones(), code="bad_zone", hint=hint, likeness=0.7)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})


def seconds_of(granularity: Granularity) -> int:
    """Length of a period shorter than a day, in seconds; 86,400 for the others: none is shorter or divides less."""
    return _SECONDS.get(granularity, 86_400)


def is_short(granularity: Granularity) -> bool:
    """Whether periods are shorter than a day."""
    return granularity in _SECONDS


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day, in UTC: where midnight is skipped, the moment after it."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def floor(moment: datetime, granularity: Granularity, zone: ZoneInfo) -> datetime:
    """Beginning of the period that a moment lies in, in UTC."""
    if granularity is Granularity.HOUR:
        # From midnight on, as ClickHouse counts them: hours of Kathmandu begin 15 minutes past those of UTC, and where
        # clocks move by half an hour (Lord Howe), the last one of that day is half an hour long.
        begin = midnight(moment.astimezone(zone).date(), zone)
        return begin + (moment - begin) // _HOUR * _HOUR
    if granularity in _SECONDS:
        seconds = int(moment.timestamp())
        return datetime.fromtimestamp(seconds - seconds % _SECONDS[granularity], UTC)
    return midnight(first_day(moment.astimezone(zone).date(), granularity), zone)


def first_day(day: date, granularity: Granularity) -> date:
    """The day on which the period of a day begins; weeks begin on Monday."""
    if granularity is Granularity.WEEK:
        return day - timedelta(days=day.weekday())
    if granularity is Granularity.MONTH:
        return day.replace(day=1)
    if granularity is Granularity.QUARTER:
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if granularity is Granularity.YEAR else day


def after(start: datetime, granularity: Granularity, zone: ZoneInfo) -> datetime:
    """Beginning of the next period, in UTC."""
    if granularity in _SECONDS:
        # The last hour of a day may be shorter.
        return floor(start + timedelta(seconds=_SECONDS[granularity]), granularity, zone)
    day = start.astimezone(zone).date()
    most = {Granularity.DAY: 1, Granularity.WEEK: 7, Granularity.MONTH: 31, Granularity.QUARTER: 92}.get(
        granularity, 366
    )
    return midnight(first_day(day + timedelta(days=most), granularity), zone)


def starts(begin: datetime, end: datetime, granularity: Granularity, zone: ZoneInfo) -> Iterator[datetime]:
    """Beginnings of the periods that touch a range, in UTC, the oldest first; of TOTAL the range's own."""
    if granularity is Granularity.TOTAL:
        yield begin
        return
    start = floor(begin, granularity, zone)
    while start < end:
        yield start
        start = after(start, granularity, zone)
