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

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Due times after a moment, in UTC, ever later."""
        last = moment
        for local in CronSim(self.expression, moment.astimezone(self.zone)):
            found = local.astimezone(UTC)
            # On days of change the library begins before the moment, and says a time twice that stands for two.
            if found > last:
                yield found
                last = found

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
