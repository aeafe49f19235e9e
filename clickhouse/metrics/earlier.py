"""The range that another one is compared with: as much earlier as lets each period stand beside one cut alike."""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from clickhouse.metrics import periods
from clickhouse.metrics.periods import QUARTER_SECONDS, Granularity

_RUNNING: Final = timedelta(seconds=QUARTER_SECONDS)
"""The quarter of an hour that runs: an age of seven days is so much longer than them."""
_MONTHS: Final = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: 12}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Earlier:
    """How much earlier: months and days on the clock of a zone, or a length of time."""

    zone: ZoneInfo
    months: int = 0
    days: int = 0
    length: timedelta = timedelta()

    def of(self, moment: datetime) -> datetime:
        """The moment that lies so much earlier, in UTC; of a month that is shorter its last day."""
        return moment - self.length if self.length else self._shown(moment).astimezone(UTC)

    def beside(self, start: datetime, granularity: Granularity) -> datetime | None:
        """Beginning of the period beside the one that begins there, in UTC; None: the clock never showed that time."""
        found = self.of(start)
        if granularity is Granularity.TOTAL:
            return found
        if periods.is_short(granularity) and not self.length:
            shown = self._shown(start)
            if shown.replace(tzinfo=None) != found.astimezone(self.zone).replace(tzinfo=None):
                return None
        return periods.floor(found, granularity, self.zone)

    def _shown(self, moment: datetime) -> datetime:
        """The time that the clock shows then, so many months and days before."""
        local = moment.astimezone(self.zone)
        year, month = divmod(local.year * 12 + local.month - 1 - self.months, 12)
        last = monthrange(year, month + 1)[1]
        day = date(year, month + 1, min(local.day, last)) - timedelta(days=self.days)
        return datetime.combine(day, local.time(), self.zone)


def earlier(begin: datetime, end: datetime, zone: ZoneInfo, granularity: Granularity) -> Earlier:
    """How much earlier the range lies that this one is compared with.

    By days and longer periods: as many as keep the two ranges apart. By shorter ones the same in whole days, so that an
    hour stands beside that hour of the clock; in such periods where the range is shorter than a day. One value over a
    whole range: its own length, in days where it is of whole days.
    """
    if granularity is Granularity.TOTAL:
        days = _whole_days(begin, end, zone)
        return Earlier(zone, days=days) if days else Earlier(zone, length=end - begin)
    if periods.is_short(granularity) and end - begin < _DAY:
        length = timedelta(seconds=periods.seconds_of(granularity))
        return Earlier(zone, length=-((begin - end) // length) * length)
    if granularity in _MONTHS:
        return _apart(begin, end, Earlier(zone, months=_MONTHS[granularity]))
    return _apart(begin, end, Earlier(zone, days=7 if granularity is Granularity.WEEK else 1))


def before(
    begin: datetime, end: datetime, zone: ZoneInfo, granularity: Granularity = Granularity.TOTAL
) -> tuple[datetime, datetime]:
    """The range that this one is compared with; it ends where this one begins, or before."""
    how = earlier(begin, end, zone, granularity)
    return how.of(begin), min(how.of(end), begin)


def _apart(begin: datetime, end: datetime, unit: Earlier) -> Earlier:
    """The least number of units by which the range lies before itself."""
    longest = timedelta(days=unit.months * 31 + unit.days)
    number = max(1, (end - begin) // longest - 1)
    while (how := replace(unit, months=number * unit.months, days=number * unit.days)).of(end) > begin + _RUNNING:
        number += 1
    return how


def _whole_days(begin: datetime, end: datetime, zone: ZoneInfo) -> int:
    """How many days of the zone a range is; 0 where it is not of whole days."""
    first, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    is_whole = periods.midnight(first, zone) == begin and periods.midnight(last, zone) == end
    return (last - first).days if is_whole else 0
