"""Due times of a cron expression on the clock of a zone, daylight-saving days included.

As Debian's cron does: a job of fixed times (neither minute nor hour begins with a star) whose time does not exist on a
day is due when the clock has jumped, and one whose time exists twice is due at the first. One that is due every so many
minutes or hours goes by what the clock shows, so it is due in both of the repeated hours.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from streams.errors import ConfigurationError

FIELDS = 5
FIRST_LOOK = timedelta(hours=1)
"""How far `newest` looks back first."""
FURTHER = 8
"""How many times further it looks each time."""
STRETCH = timedelta(days=200)
"""The longest time that is looked at at once for a change of the clock."""


class Cron:
    """An expression of five fields, and the zone on whose clock it is meant."""

    def __init__(self, expression: str, zone: str) -> None:
        """Raises ConfigurationError for an unknown zone, and an expression that is none or never due."""
        self.expression = " ".join(expression.split())
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(f"{zone!r} is no IANA zone; write one such as Europe/Berlin or UTC") from None
        if len(self.expression.split()) != FIELDS:
            raise ConfigurationError(
                f"{expression!r} is no cron expression: give five fields, minute hour day month weekday: '30 2 * * *'"
            )
        try:
            next(CronSim(self.expression, datetime(2000, 1, 1)))
        except CronSimError as error:
            raise ConfigurationError(
                f"{expression!r} is no cron expression: {error}. Five fields: minute hour day month weekday"
            ) from None
        except StopIteration:
            raise ConfigurationError(f"{expression!r} is due on no day of fifty years; choose another day") from None
        self.is_fixed = not any(field.startswith("*") for field in self.expression.split()[:2])

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Due times after a moment, in UTC, ever later.

        A zone's clock runs evenly from one change to the next. The library is asked within such stretches only: across
        a change it may lose the rest of an hour where clocks move by half of one (Lord Howe).
        """
        last = moment
        for begin, end in _even(self.zone, moment.astimezone(UTC).replace(microsecond=0)):
            for due in self._within(begin, end):
                if due > last:
                    yield due
                    last = due

    def _within(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """Due times from the begin of a stretch up to its end, and the end where it skips a fixed time."""
        offset, later = _offset(self.zone, begin), _offset(self.zone, end)
        for shown in CronSim(self.expression, (begin + offset - timedelta(seconds=1)).replace(tzinfo=None)):
            due = shown.replace(tzinfo=UTC) - offset
            if due >= end:
                if self.is_fixed and due < end + later - offset:
                    yield end
                return
            if not (self.is_fixed and due.astimezone(self.zone).fold):
                yield due

    def next(self, moment: datetime) -> datetime:
        """The first due time after a moment, in UTC."""
        return next(self.after(moment))

    def newest(self, after: datetime, until: datetime, count: int) -> list[datetime]:
        """The newest due times, so many at most, after one moment and up to another, in their order.

        It looks back step by step, so that years without a scheduler cost no more than what is asked for.
        """
        reach = FIRST_LOOK
        while True:
            begin = max(after, until - reach)
            found = list(islice(self._between(begin, until), count + 1))
            if len(found) > count:
                found = list(self._between(begin, until))
            if begin == after or len(found) >= count:
                return found[-count:]
            reach *= FURTHER

    def _between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        for found in self.after(after):
            if found > until:
                return
            yield found


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    """How far the zone's clock is ahead of UTC."""
    return moment.astimezone(zone).utcoffset() or timedelta()


def _even(zone: ZoneInfo, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of time in which the zone's clock runs evenly, one after the other, from a whole second on."""
    begin = moment
    while True:
        days = (begin + timedelta(days=day) for day in range(1, STRETCH.days + 1))
        changed = next((day for day in days if _offset(zone, day) != _offset(zone, begin)), None)
        end = _change(zone, changed - timedelta(days=1), changed) if changed else begin + STRETCH
        yield begin, end
        begin = end


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second, after one moment and up to another, at which the clock changes."""
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        before, after = (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
    return after
