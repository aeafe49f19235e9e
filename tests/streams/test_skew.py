"""Event times at the edges of what is accepted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.errors import Reject
from streams.skew import verdicts

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLDEST = NOW - timedelta(days=730)
MS = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Timed:
    """The part of an event that is judged."""

    time: datetime


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (NOW, None),
        (NOW + timedelta(minutes=5), None),
        (NOW + timedelta(minutes=5) + MS, Reject.IN_FUTURE),
        (OLDEST, None),
        (OLDEST - MS, Reject.TOO_OLD),
        (datetime(2290, 1, 1, tzinfo=UTC), Reject.IN_FUTURE),
        (datetime(1901, 1, 1, tzinfo=UTC), Reject.TOO_OLD),
        ((NOW + timedelta(minutes=4)).astimezone(timezone(timedelta(hours=14))), None),
        ((NOW + timedelta(minutes=6)).astimezone(timezone(timedelta(hours=-12))), Reject.IN_FUTURE),
    ],
)
def test_the_edges(time: datetime, reason: Reject | None) -> None:
    events = [Timed(NOW), Timed(time), Timed(NOW)]
    assert verdicts(events, NOW, 300, OLDEST) == ({} if reason is None else {1: reason})


def test_both_ends_in_one_batch() -> None:
    events = [Timed(NOW + timedelta(hours=1)), Timed(NOW), Timed(OLDEST - timedelta(days=1))]
    assert verdicts(events, NOW, 300, OLDEST) == {0: Reject.IN_FUTURE, 2: Reject.TOO_OLD}
    assert verdicts([], NOW, 300, OLDEST) == {}
