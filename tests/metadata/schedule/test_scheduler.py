"""Jobs run at their due times, once each, whoever schedules: tried on a real database and real processes."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from metadata.models import JobRun
from metadata.schedule.due import Decision
from metadata.schedule.job import CatchUp
from metadata.schedule.jobs import Change
from streams import job_metrics as metrics
from streams.errors import ConfigurationError
from tests.support.clock import Clock
from tests.support.scheduling import Chores, whole

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def told(runs: list[JobRun]) -> list[tuple[int, str, int]]:
    """Hour, state and attempt of each run."""
    return [(run.due_at.hour, run.state, run.attempt) for run in runs]


async def test_a_due_time_is_one_run(chores: Chores, clock: Clock) -> None:
    scheduler = chores.scheduler()
    assert await whole(scheduler) == []
    clock.now += HOUR
    (run,) = await whole(scheduler)
    assert told([run]) == [(13, "done", 1)]
    assert (run.exit_code, run.output, run.started_at, run.asked_by) == (0, "told to ok", clock.now, None)
    assert await whole(scheduler) != []
    clock.now += HOUR + MINUTE
    assert told(await whole(scheduler)) == [(13, "done", 1), (14, "done", 1)]
    assert len(chores.begun) == 2
    assert (await scheduler.runs.last_done())["chore"] == clock.now


async def test_two_schedulers_never_run_one_twice(chores: Chores, clock: Clock) -> None:
    one, two = schedulers = [chores.scheduler(), chores.scheduler()]
    await asyncio.gather(*(each.step() for each in schedulers))
    leading = []
    for _ in range(6):
        clock.now += HOUR
        await asyncio.gather(*(each.step() for each in schedulers))
        leading.append(one.is_leading)
        assert one.is_leading != two.is_leading
        async with one.runs._engine.begin() as connection:
            await connection.execute(text("UPDATE leases SET expires_at = clock_timestamp() - interval '1 s'"))
        await asyncio.gather(*(each.step() for each in reversed(schedulers)))
        await asyncio.gather(*(each.settled() for each in schedulers))
    runs = await whole(one)
    assert [(run.state, run.attempt) for run in runs] == [("done", 1)] * 6
    assert len(chores.begun) == 6
    assert set(leading) == {True, False}


async def test_who_has_not_the_lease_begins_nothing(chores: Chores, clock: Clock) -> None:
    one, other = chores.scheduler(), chores.scheduler()
    await one.step()
    (job,) = await one.jobs.all()
    clock.now += HOUR
    assert not await other.jobs.decide(other.holder, job, Decision((clock.now,), None), clock.now)
    await one.runs.ask("chore", "me", clock.now)
    assert await other.runs.begin(other.holder, clock.now, 60) is None
    assert await other.runs.give_up_lost(other.holder, clock.now) == []
    assert await one.runs.begin(one.holder, clock.now, 60) is not None
    with pytest.raises(IntegrityError):
        await one.runs.ask("chore", "me", clock.now)


async def test_a_failed_attempt_is_tried_again_later_each_time(chores: Chores, clock: Clock) -> None:
    scheduler = chores.scheduler(chores.job("fail", attempts=3, backoff_seconds=60))
    await scheduler.step()
    clock.now += HOUR
    for waits in (60, 120):
        (run,) = await whole(scheduler)
        assert (run.state, run.not_before) == ("waiting", clock.now + timedelta(seconds=waits))
        clock.now += timedelta(seconds=waits - 1)
        assert len(await whole(scheduler)) == 1
        clock.now += timedelta(seconds=1)
    (run,) = await whole(scheduler)
    assert (run.state, run.attempt, run.exit_code, run.output) == ("failed", 3, 3, "told to fail")
    clock.now += 50 * MINUTE
    assert told(await whole(scheduler)) == [(13, "failed", 3)]
    assert len(chores.begun) == 3


async def test_whatever_a_command_says_its_end_is_noted(chores: Chores, clock: Clock) -> None:
    scheduler = chores.scheduler(chores.job("mutter"))
    await scheduler.step()
    clock.now += HOUR
    (run,) = await whole(scheduler)
    assert (run.state, run.output) == ("done", "told to mutter\na\ufffdb\ufffd")
    assert scheduler.running == {}


async def test_one_that_takes_too_long_is_ended(chores: Chores, clock: Clock) -> None:
    scheduler = chores.scheduler(chores.job("sleep", attempts=1, timeout_seconds=1))
    await scheduler.step()
    clock.now += HOUR
    (run,) = await whole(scheduler)
    assert (run.state, run.exit_code) == ("failed", 130)
    assert "told to sleep" in run.output
    assert "ended after 1 s" in run.output


@pytest.mark.parametrize(
    ("rule", "runs", "counted"),
    [
        (CatchUp.SKIP, [(17, "skipped", 0)], 1),
        (CatchUp.ONCE, [(16, "skipped", 0), (17, "done", 1)], 1),
        (CatchUp.ALL, [(14, "skipped", 0), (15, "done", 1), (16, "done", 1), (17, "done", 1)], 1),
    ],
)
async def test_what_was_missed(
    rule: CatchUp, runs: list[tuple[int, str, int]], counted: int, chores: Chores, clock: Clock
) -> None:
    scheduler = chores.scheduler(chores.job(catch_up=rule, catch_up_limit=3))
    await scheduler.step()
    before = metrics.MISSED.labels("chore")._value.get()
    clock.now += 5 * HOUR + 30 * MINUTE
    for _ in runs:
        found = await whole(scheduler)
    assert told(found) == runs
    assert "since" not in found[0].output
    assert "every due time between 2030-05-20 12:00 UTC and it" in found[0].output
    assert metrics.MISSED.labels("chore")._value.get() == before + counted


async def test_a_disabled_job_runs_when_it_is_asked_for(chores: Chores, clock: Clock) -> None:
    scheduler = chores.scheduler(chores.job("fail", backoff_seconds=600), chores.job(name="other", is_enabled=False))
    await scheduler.step()
    clock.now += HOUR
    assert told(await whole(scheduler)) == [(13, "waiting", 1)]
    await scheduler.jobs.change("chore", Change(enabled=False), "me", clock.now)
    await scheduler.runs.ask("other", "me", clock.now)
    runs = await whole(scheduler)
    assert {(run.job, run.state, run.asked_by) for run in runs} == {
        ("chore", "skipped", None),
        ("other", "done", "me"),
    }
    assert "disabled by me" in next(run for run in runs if run.job == "chore").output
    clock.now += 3 * HOUR
    assert len(await whole(scheduler)) == 2
    # What was due while it was off is not made up for.
    await scheduler.jobs.change("other", Change(enabled=True), "me", clock.now)
    assert len(await whole(scheduler)) == 2
    clock.now += HOUR
    assert told([run for run in await whole(scheduler) if run.job == "other"]) == [(13, "done", 1), (17, "done", 1)]


async def test_a_job_runs_once_at_a_time_beside_others(chores: Chores, clock: Clock) -> None:
    jobs = [chores.job("sleep", catch_up=CatchUp.ALL), chores.job(name="other")]
    scheduler = chores.scheduler(*jobs, scheduler_concurrency=2)
    await scheduler.step()
    clock.now += 2 * HOUR
    await scheduler.step()
    assert sorted(begun.job for begun, _ in scheduler.running.values()) == ["chore", "other"]
    await scheduler.step()
    waiting = [run.job for run in await scheduler.runs.newest(None, 9) if run.state == "waiting"]
    assert waiting == ["chore"]


async def test_declarations_and_what_operators_change(chores: Chores, clock: Clock) -> None:
    first = chores.scheduler(chores.job(), chores.job(name="old"))
    await first.step()
    own = Change(cron="30 4 * * *", zone="Asia/Kathmandu")
    await first.jobs.change("chore", own, "me", clock.now)
    with pytest.raises(ConfigurationError, match="no IANA zone"):
        await first.jobs.change("chore", Change(zone="Mars"), "me", clock.now)
    with pytest.raises(ConfigurationError, match="there are chore, old"):
        await first.jobs.change("cheese", own, "me", clock.now)
    await first.close()
    second = chores.scheduler(chores.job(cron="5 * * * *", timeout_seconds=7))
    clock.now += HOUR
    await second.step()
    job, old = await second.jobs.all()
    assert (job.own_cron, job.own_zone, job.cron, job.timeout_seconds) == (own.cron, own.zone, "5 * * * *", 7)
    assert (old.name, old.is_enabled) == ("old", False)
    assert [run.job for run in await whole(second)] == []
    await second.jobs.change("chore", Change(cron="", zone=""), "me", clock.now)
    clock.now += 5 * MINUTE
    assert told(await whole(second)) == [(13, "done", 1)]


async def test_old_runs_are_removed_but_the_newest_of_each_job(chores: Chores, clock: Clock) -> None:
    scheduler = chores.scheduler(chores.job(), chores.job(name="monthly", cron="0 13 20 * *"))
    await scheduler.step()
    for _ in range(3):
        clock.now += HOUR
        await whole(scheduler)
    assert await scheduler.runs.clean(clock.now - 24 * HOUR) == (0, 0)
    assert await scheduler.runs.clean(clock.now + HOUR) == (2, 0)
    assert {(run.job, run.due_at.hour) for run in await whole(scheduler)} == {("chore", 15), ("monthly", 13)}
