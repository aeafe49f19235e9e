"""What becomes of due times that nobody met, by the job's rule."""

from datetime import UTC, datetime, timedelta

import pytest

from metadata.schedule.cron import Cron
from metadata.schedule.due import LATE, decide
from metadata.schedule.job import CatchUp

NOON = datetime(2030, 5, 20, 12, tzinfo=UTC)
HOURLY = Cron("0 * * * *", "UTC")


@pytest.mark.parametrize("rule", CatchUp)
def test_one_that_is_met_runs_by_any_rule(rule: CatchUp) -> None:
    now = NOON + timedelta(seconds=1)
    assert decide(HOURLY, rule, 3, NOON - timedelta(minutes=30), now) == ((NOON,), None)
    assert decide(HOURLY, rule, 3, NOON, now + timedelta(minutes=50)) == ((), None)


@pytest.mark.parametrize(
    ("rule", "late", "runs", "missed"),
    [
        (CatchUp.SKIP, LATE, [12], 11),
        (CatchUp.SKIP, timedelta(minutes=30), [], 12),
        (CatchUp.ONCE, timedelta(minutes=30), [12], 11),
        (CatchUp.ALL, timedelta(minutes=30), [10, 11, 12], 9),
    ],
)
def test_missed_ones(rule: CatchUp, late: timedelta, runs: list[int], missed: int) -> None:
    decision = decide(HOURLY, rule, 3, NOON - timedelta(days=4), NOON + late)

    assert [each.hour for each in decision.runs] == runs
    assert decision.missed == NOON.replace(hour=missed)


def test_all_up_to_the_limit_are_all() -> None:
    decision = decide(HOURLY, CatchUp.ALL, 5, NOON - timedelta(hours=5), NOON)

    assert [each.hour for each in decision.runs] == [8, 9, 10, 11, 12]
    assert decision.missed is None
