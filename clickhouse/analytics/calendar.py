"""Days, weeks and months of a zone as numbers, so that two of them can be told apart by a difference."""

from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from clickhouse.metrics import periods

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_MONDAY = 4
"""The fifth of January 1970, in days since the first."""


class Length(StrEnum):
    """Lengths of periods."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_NUMBERS = {
    Length.DAY: "toInt32(toDate(occurred_at, {zone:String}))",
    Length.WEEK: f"intDiv(toInt32(toMonday(occurred_at, {{zone:String}})) - {_FIRST_MONDAY}, 7)",
    Length.MONTH: "toInt32(toYear(occurred_at, {zone:String}) * 12 + toMonth(occurred_at, {zone:String}) - 1)",
}


def number_of(length: Length) -> str:
    """The expression of the number of an event's period, by the date that the clocks of the zone show."""
    return f"toInt32({_NUMBERS[length]})"


def first_day(number: int, length: Length) -> date:
    """The day on which a period begins."""
    if length is Length.MONTH:
        return date(number // 12, number % 12 + 1, 1)
    days = number if length is Length.DAY else number * 7 + _FIRST_MONDAY
    return date.fromordinal(days + _EPOCH)


def number(day: date, length: Length) -> int:
    """The number of the period that a day lies in."""
    if length is Length.MONTH:
        return day.year * 12 + day.month - 1
    days = day.toordinal() - _EPOCH
    return days if length is Length.DAY else (days - _FIRST_MONDAY) // 7


def start(number: int, length: Length, zone: ZoneInfo) -> datetime:
    """The first moment of a period, in UTC."""
    return periods.midnight(first_day(number, length), zone)
