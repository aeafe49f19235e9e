"""What is running ends with its scheduler, however that ends, and is tried again by another, one at a time."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from metadata.schedule.scheduler import utc_now
from tests.support.clock import Clock
from tests.support.live import cut_off
from tests.support.processes import alive
from tests.support.scheduling import SHORT_LEASE, Chores, whole
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("by", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.faults)])
async def test_a_scheduler_dies_or_hangs_in_a_run(by: signal.Signals, chores: Chores) -> None:
    chores.clock = utc_now
    heir = chores.scheduler(chores.job("ok", backoff_seconds=0, is_enabled=False))

    async def leads() -> bool:
        is_declared = "chore" in [job.name for job in await heir.jobs.all()]
        return is_declared and (await heir.leases.holder("scheduler")) is not None

    async def begun() -> bool:
        return len(chores.begun) == 1

    async def gone() -> bool:
        return not alive(chores.begun)

    async def done() -> bool:
        return (await whole(heir))[-1].state == "done"

    lost = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.scheduling", chores.url, str(chores.file), cwd=ROOT
    )
    try:
        await eventually("the scheduler to lead", leads, 60)
        number = await heir.runs.ask("chore", "me", utc_now())
        await eventually("the run to begin", begun)
        lost.send_signal(by)
        await heir.step()
        assert not heir.is_leading
        await eventually("the command to end too", gone)
        await eventually("another to do it", done)
        if by is signal.SIGSTOP:
            lost.send_signal(signal.SIGCONT)
            lost.terminate()
        await lost.wait()
    finally:
        if lost.returncode is None:
            lost.kill()
            await lost.wait()
    run = await heir.runs.find(number)
    assert run is not None
    assert (run.state, run.attempt, run.holder) == ("done", 2, heir.holder)
    assert len(chores.begun) == 2


async def test_a_scheduler_without_postgresql_ends_what_it_runs(chores: Chores, clock: Clock) -> None:
    with cut_off(chores.url) as (url, proxy):
        scheduler = chores.scheduler(chores.job("sleep", backoff_seconds=3600), url=url, **SHORT_LEASE)
        await scheduler.step()
        await scheduler.runs.ask("chore", "me", clock.now)
        await scheduler.step()

        async def begun() -> bool:
            return len(chores.begun) == 1

        async def gone() -> bool:
            await scheduler.step()
            return not alive(chores.begun)

        async def well() -> bool:
            await scheduler.step()
            return not scheduler.problem

        await eventually("the run to begin", begun)
        proxy.refuse()
        await eventually("the guard to end it", gone)
        assert "PostgreSQL does not answer" in scheduler.problem
        assert not scheduler.is_leading
        proxy.accept()
        await eventually("the scheduler to be well again", well)
        (run,) = await whole(scheduler)
        assert (run.state, run.attempt) == ("waiting", 1)


async def test_one_that_is_stopped_leaves_its_run_to_another(chores: Chores, clock: Clock) -> None:
    first, second = chores.scheduler(chores.job("sleep")), chores.scheduler()
    await first.step()
    await first.runs.ask("chore", "me", clock.now)
    await first.step()
    running = asyncio.create_task(first.run())

    async def begun() -> bool:
        return len(chores.begun) == 1

    await eventually("the run to begin", begun)
    first.stop()
    await running
    assert not alive(chores.begun)
    assert await first.leases.holder("scheduler") is None
    (run,) = await first.runs.newest(None, 9)
    assert (run.state, run.attempt) == ("waiting", 0)
    assert "the scheduler was stopped" in run.output
    (run,) = await whole(second)
    assert (run.state, run.attempt) == ("done", 1)
