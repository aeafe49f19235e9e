"""Schedulers over a metadata database of a test, whose jobs are chores; as a program, one that can be killed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from metadata.models import JobRun
from metadata.schedule.job import Job
from metadata.schedule.scheduler import Clock, Scheduler, utc_now
from metadata.session import connect
from streams.settings import Settings
from tests.support import chore

PROGRAM = (sys.executable, "-I", "-S", chore.__file__)
SHORT_LEASE: dict[str, Any] = {"scheduler_lease_seconds": 6.0}
"""For a scheduler that another shall follow soon; long enough for a machine that is busy."""


class Chores:
    """Schedulers of one metadata database, and the file in which their chores note themselves."""

    def __init__(self, url: str, file: Path, clock: Clock) -> None:
        self.url = url
        self.file = file
        self.clock = clock
        self.made: list[Scheduler] = []
        self._engines: list[AsyncEngine] = []

    def job(self, what: str = "ok", name: str = "chore", **more: Any) -> Job:
        """A job that is due every hour."""
        return Job(name, "A chore.", (str(self.file), what), **({"cron": "0 * * * *"} | more))

    def scheduler(self, *jobs: Job, url: str = "", **more: Any) -> Scheduler:
        """A scheduler with connections of its own."""
        own = {"scheduler_lease_seconds": 60.0} | more
        settings = Settings(database_url=SecretStr(url or self.url), **own)
        engine = connect(settings)
        self._engines.append(engine)
        made = Scheduler(settings, engine, jobs or [self.job()], self.clock, PROGRAM)
        self.made.append(made)
        return made

    @property
    def begun(self) -> list[int]:
        """Process id of every chore that began."""
        return [int(line) for line in self.file.read_text().split()] if self.file.exists() else []

    async def close(self) -> None:
        """End what runs."""
        for made in self.made:
            await made.close()
        for engine in self._engines:
            await engine.dispose()


async def whole(scheduler: Scheduler) -> list[JobRun]:
    """A pass, and the end of what it began; returns all runs, the first due first."""
    await scheduler.step()
    await scheduler.settled()
    return (await scheduler.runs.newest(None, 100))[::-1]


@pytest.fixture
async def chores(metadata_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Chores]:
    """Schedulers of this test."""
    made = Chores(metadata_url, tmp_path / "begun", clock)
    yield made
    await made.close()


async def main(words: Sequence[str]) -> None:
    """Be a scheduler whose one job sleeps."""
    url, file = words
    chores = Chores(url, Path(file), utc_now)
    await chores.scheduler(chores.job("sleep"), **SHORT_LEASE).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
