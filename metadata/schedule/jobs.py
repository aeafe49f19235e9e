"""Jobs as they are kept: those that are declared, and what operators changed about them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import case, func, not_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from metadata import audit, leases
from metadata.audit import Action, Entry
from metadata.models import JobRun, ScheduledJob
from metadata.schedule.cron import Cron
from metadata.schedule.due import Decision
from metadata.schedule.job import Job, RunState
from metadata.session import told
from streams.errors import ConfigurationError
from streams.settings import Settings

LEASE = "scheduler"
"""Name of the lease of whoever makes runs of due times."""
IS_ON = func.coalesce(ScheduledJob.own_enabled, ScheduledJob.is_enabled)
"""Whether a job runs by itself."""


class Change(NamedTuple):
    """What an operator changes about a job; None: nothing."""

    enabled: bool | None = None
    cron: str | None = None
    """Empty: as declared."""
    zone: str | None = None
    """Empty: as declared."""


class Jobs:
    """The jobs of one metadata database. Every method raises MetadataUnavailable, and SchemaDrift before `migrate`."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def add(self, declared: Sequence[Job], now: datetime) -> None:
        """Keep declared jobs that are not there yet; the first due time that counts comes after now."""
        new = insert(ScheduledJob).values([row(job, now) for job in declared])
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(new.on_conflict_do_nothing())

    async def declare(self, declared: Sequence[Job], now: datetime) -> None:
        """Let all declared jobs be as they are declared now, but for what operators changed.

        One that is no longer declared is disabled, and keeps its history.
        """
        new = insert(ScheduledJob).values([row(job, now) for job in declared])
        said = {name: new.excluded[name] for name in row(declared[0], now) if name not in ("name", "decided_until")}
        # What was off has nothing to make up for.
        since = case((IS_ON, ScheduledJob.decided_until), else_=new.excluded.decided_until)
        changed = new.on_conflict_do_update(index_elements=[ScheduledJob.name], set_=said | {"decided_until": since})
        gone = ScheduledJob.is_declared & not_(ScheduledJob.name.in_([job.name for job in declared]))
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(changed)
                await connection.execute(update(ScheduledJob).where(gone).values(is_enabled=False))

    async def all(self) -> list[ScheduledJob]:
        """Every job by name."""
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return [*await session.scalars(select(ScheduledJob).order_by(ScheduledJob.name))]

    async def find(self, name: str) -> ScheduledJob:
        """One job. Raises ConfigurationError, which names all, if there is none."""
        jobs = await self.all()
        for job in jobs:
            if job.name == name:
                return job
        raise ConfigurationError(f"there is no job {name!r}; there are {', '.join(job.name for job in jobs)}")

    async def change(self, name: str, change: Change, by: str, now: datetime) -> ScheduledJob:
        """Change a job from now on, which the audit log tells; what waited is passed over if it is disabled.

        Raises ConfigurationError for an unknown job, zone or expression.
        """
        job = await self.find(name)
        own_cron = job.own_cron if change.cron is None else change.cron or None
        own_zone = job.own_zone if change.zone is None else change.zone or None
        Cron(own_cron or job.cron, own_zone or job.zone)
        enabled = job.own_enabled if change.enabled is None else change.enabled
        values: dict[str, Any] = {"own_cron": own_cron, "own_zone": own_zone, "own_enabled": enabled}
        values |= {"changed_by": by, "changed_at": now}
        if enabled != is_on(job) or (own_cron, own_zone) != (job.own_cron, job.own_zone):
            values["decided_until"] = func.greatest(ScheduledJob.decided_until, now)
        of_schedule = (JobRun.job == name) & (JobRun.state == RunState.WAITING) & JobRun.asked_by.is_(None)
        passed = {"state": RunState.SKIPPED, "ended_at": now, "output": f"the job was disabled by {by}"}
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(update(ScheduledJob).where(ScheduledJob.name == name).values(values))
                if change.enabled is False:
                    await connection.execute(update(JobRun).where(of_schedule).values(passed))
                said = {word: value for word, value in change._asdict().items() if value is not None}
                await audit.noted(connection, Entry(by, Action.JOB_CHANGE, name, said))
        return await self.find(name)

    async def decide(self, holder: str, job: ScheduledJob, decision: Decision, until: datetime) -> bool:
        """Turn due times up to a moment into runs; returns whether it was done.

        It is not where the scheduler has the lease no more, or the job was changed since it was read.
        """
        row: dict[str, Any] = {"job": job.name, "state": RunState.WAITING, "output": "", "ended_at": None}
        rows = [row | {"due_at": due, "not_before": due} for due in decision.runs]
        if (missed := decision.missed) is not None:
            since = f"{job.decided_until.astimezone(UTC):%Y-%m-%d %H:%M}"
            why = f"missed, and every due time between {since} UTC and it: no scheduler ran"
            lost: dict[str, Any] = {
                "state": RunState.SKIPPED,
                "output": why,
                "ended_at": until,
                "due_at": missed,
                "not_before": missed,
            }
            rows.append(row | lost)
        same = (ScheduledJob.name == job.name) & (ScheduledJob.decided_until == job.decided_until) & IS_ON
        with told(self._settings):
            async with self._engine.begin() as connection:
                if not await leases.has(connection, LEASE, holder):
                    return False
                moved = update(ScheduledJob).where(same).values(decided_until=until)
                if (await connection.execute(moved)).rowcount == 0:
                    return False
                if rows:
                    await connection.execute(insert(JobRun).values(rows).on_conflict_do_nothing())
                return True


def is_on(job: ScheduledJob) -> bool:
    """Whether a job runs by itself."""
    return job.is_enabled if job.own_enabled is None else job.own_enabled


def cron_of(job: ScheduledJob) -> Cron:
    """When a job is due. Raises ConfigurationError."""
    return Cron(job.own_cron or job.cron, job.own_zone or job.zone)


def row(job: Job, now: datetime) -> dict[str, Any]:
    """A declared job as it is kept; the first due time that counts comes after now."""
    return {
        "name": job.name,
        "sentence": job.sentence,
        "command": [*job.command],
        "cron": job.cron,
        "zone": job.zone,
        "catch_up": str(job.catch_up),
        "catch_up_limit": job.catch_up_limit,
        "timeout_seconds": job.timeout_seconds,
        "attempts": job.attempts,
        "backoff_seconds": job.backoff_seconds,
        "is_enabled": job.is_enabled,
        "is_declared": True,
        "decided_until": now,
    }
