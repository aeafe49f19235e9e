"""The scheduler: one pass a second, of which each step may fail without harm.

    1. take the lease, or have it for longer
    2. have its own attempts for longer; end those that are not its own any more
    3. with the lease: turn due times into runs, and let lost attempts be tried again
    4. with the lease: begin attempts, as many at once as the settings say

Any number of schedulers may run. The one with the lease begins attempts; one that lost it goes on with what it has
begun, which is its own until it stops saying so. A run is one row by a constraint, and one attempt of it at a time.
"""

import asyncio
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from metadata.leases import Leases
from metadata.schedule.attempt import Attempt
from metadata.schedule.due import decide
from metadata.schedule.job import CatchUp, Job, RunState
from metadata.schedule.jobs import LEASE, Jobs, cron_of, is_on
from metadata.schedule.runs import Begun, Ended, Runs
from streams import job_metrics as metrics
from streams.errors import ConfigurationError, MillraceError
from streams.settings import Settings

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
PASS_SECONDS: Final = 1.0
STOPPED: Final = "the scheduler was stopped; the run waits for another"
NOT_OURS: Final = "the attempt was not this scheduler's any more"


def utc_now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


class Scheduler:
    """One scheduler."""

    def __init__(
        self,
        settings: Settings,
        engine: AsyncEngine,
        declared: Sequence[Job],
        clock: Clock = utc_now,
        program: Sequence[str] = (sys.executable, "-m", "streams.cli"),
    ) -> None:
        """`clock` says what is due; how long a lease lasts is PostgreSQL's to say. `program` is given the commands."""
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.jobs = Jobs(engine, settings)
        self.runs = Runs(engine, settings)
        self.leases = Leases(engine, settings)
        self.is_leading = False
        self.problem = ""
        """Why the last pass came to its end before it was done; empty if it did not."""
        self.passed_at = time.monotonic()
        """When a pass last ended, well or not."""
        self.running: dict[int, tuple[Begun, Attempt]] = {}
        self._declared = declared
        self._clock = clock
        self._program = program
        self._seconds = settings.scheduler_lease_seconds
        self._most = settings.scheduler_concurrency
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Pass after pass, until `stop`; then end what runs and let the lease go."""
        while not self._stopping.is_set():
            await self.step()
            try:
                await asyncio.wait_for(self._stopping.wait(), PASS_SECONDS)
            except TimeoutError:
                continue
        await self.close()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def step(self) -> None:
        """One pass. Never raises for what PostgreSQL or a row in it does."""
        try:
            await self._lead()
            await self._hold()
            if self.is_leading and not self._stopping.is_set():
                await self._decide()
                await self._begin()
            self.problem = ""
        except MillraceError as error:
            if self.problem != str(error):
                log.warning("a pass of the scheduler failed", error=str(error))
            metrics.FAILURES.inc()
            self.problem = str(error)
        self.passed_at = time.monotonic()

    async def close(self) -> None:
        """End what runs, so that its runs wait for another scheduler, and let the lease go."""
        self._stopping.set()
        for _, attempt in self.running.values():
            attempt.end(STOPPED)
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=PASS_SECONDS)
            await self.step()
        try:
            await self.leases.let_go(LEASE, self.holder)
        except MillraceError as error:
            log.warning("the lease was not given back", error=str(error), lasts_seconds=self._seconds)
        self._led(False)

    async def settled(self) -> None:
        """Wait until nothing runs here any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _lead(self) -> None:
        try:
            leads = await self.leases.take(LEASE, self.holder, self._seconds)
        except MillraceError:
            self._led(False)
            raise
        if leads and not self.is_leading:
            await self.jobs.declare(self._declared, self._clock())
            log.info("this scheduler leads", holder=self.holder)
        self._led(leads)

    def _led(self, leads: bool) -> None:
        self.is_leading = leads
        metrics.LEADING.set(leads)

    async def _hold(self) -> None:
        """Step 2. Who cannot reach PostgreSQL sends no pulse, so the guards end the attempts in time."""
        metrics.RUNNING.set(len(self.running))
        if not self.running:
            return
        held = await self.runs.hold(self.holder, [*self.running], self._seconds)
        for run, (begun, attempt) in self.running.items():
            if run in held:
                attempt.pulse()
            else:
                log.warning("an attempt is not ours any more", job=begun.job, due_at=begun.due_at.isoformat())
                attempt.end(NOT_OURS)

    async def _decide(self) -> None:
        now = self._clock()
        for job in await self.jobs.all():
            if not is_on(job) or now <= job.decided_until:
                continue
            try:
                cron = cron_of(job)
            except ConfigurationError as error:  # of a version that knew other zones
                log.error("a job is never due", job=job.name, error=str(error))
                continue
            decision = decide(cron, CatchUp(job.catch_up), job.catch_up_limit, job.decided_until, now)
            if not decision.runs and decision.missed is None:
                continue
            is_done = await self.jobs.decide(self.holder, job, decision, now)
            if is_done and decision.missed is not None:
                metrics.MISSED.labels(job.name).inc()
                log.warning("due times were missed", job=job.name, newest=decision.missed.isoformat())
        for name in await self.runs.give_up_lost(self.holder, now):
            metrics.ATTEMPTS.labels(name, "lost").inc()
            log.warning("the scheduler of a run is gone", job=name)

    async def _begin(self) -> None:
        while len(self.running) < self._most:
            begun = await self.runs.begin(self.holder, self._clock(), self._seconds)
            if begun is None:
                return
            attempt = await Attempt.start((*self._program, *begun.command), self._seconds)
            self.running[begun.id] = (begun, attempt)
            log.info("a run begins", job=begun.job, due_at=begun.due_at.isoformat(), attempt=begun.attempt)
            if begun.attempt == 1:
                metrics.DELAY.labels(begun.job).observe(max(0.0, (self._clock() - begun.due_at).total_seconds()))
            task = asyncio.create_task(self._follow(begun, attempt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _follow(self, begun: Begun, attempt: Attempt) -> None:
        began = time.monotonic()
        ended = await attempt.wait(begun.timeout_seconds)
        metrics.SECONDS.labels(begun.job).observe(time.monotonic() - began)
        if self._stopping.is_set() and ended.exit_code != 0:
            ended = Ended(ended.exit_code, ended.output, is_counted=False)
        became = await self._note(begun, ended)
        del self.running[begun.id]
        metrics.ATTEMPTS.labels(begun.job, str(became or "lost")).inc()
        if became in (RunState.DONE, None):
            log.info("a run ended", job=begun.job, became=str(became or "another's"))
        else:
            log.error("an attempt failed", job=begun.job, attempt=begun.attempt, code=ended.exit_code, became=became)

    async def _note(self, begun: Begun, ended: Ended) -> RunState | None:
        """Have it written down, for as long as the run may be ours; after that another has taken it for lost."""
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                return await self.runs.end(self.holder, begun, ended, self._clock())
            except MillraceError as error:
                if time.monotonic() > deadline:
                    log.error("the end of an attempt was not written", job=begun.job, error=str(error))
                    return None
            await asyncio.sleep(PASS_SECONDS)
