"""Which due times become runs, and which are passed over: pure, of a job's rule and two moments."""

from datetime import datetime, timedelta
from typing import NamedTuple

from metadata.schedule.cron import Cron
from metadata.schedule.job import CatchUp

LATE = timedelta(minutes=2)
"""A due time met so much later was not missed: the lease has just changed hands, or the clock was busy."""


class Decision(NamedTuple):
    """What becomes of the due times of a stretch of time."""

    runs: tuple[datetime, ...]
    """Those that become runs, in their order."""
    missed: datetime | None
    """The newest of those that do not; None: all do."""


def decide(cron: Cron, rule: CatchUp, limit: int, after: datetime, now: datetime) -> Decision:
    """Decide about all due times after `after` and up to `now`. `limit`: runs at most, where all are made up for."""
    count = limit if rule is CatchUp.ALL else 1
    found = cron.newest(after, now, count + 1)
    passed, runs = found[:-count], found[-count:]
    if rule is CatchUp.SKIP and runs and now - runs[0] > LATE:
        passed, runs = runs, []
    return Decision(tuple(runs), passed[-1] if passed else None)
