"""Runs the delivery of all shards in a process of its own, forked from one that has it loaded, until it dies."""

import asyncio
from collections.abc import Iterable

from agents.kill_point import arm
from streams.settings import Settings
from tests.support.feed import pipeline
from tests.support.forked import FORKS

SECONDS = 60


def deliver(settings: Settings, shards: Iterable[int] | None) -> None:
    """Be the process: deliver without end."""

    async def run() -> None:
        arm(settings.worker_kill_at)
        async with pipeline(settings, shards):
            await asyncio.Event().wait()

    asyncio.run(run())


def killed(settings: Settings, shards: Iterable[int] | None = None) -> int:
    """Deliver these shards (all, unless told) until WORKER_KILL_AT; the exit code, -9 after a kill."""
    process = FORKS.Process(target=deliver, args=(settings, shards))
    process.start()
    process.join(SECONDS)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
        raise AssertionError(f"the delivery never got to {settings.worker_kill_at} in {SECONDS} s")
    process.close()
    return code
