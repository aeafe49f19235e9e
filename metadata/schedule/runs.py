"""Runs of jobs as they are kept: asked for, begun by one scheduler at a time, held, ended, remembered.

A run that is being worked on belongs to whoever began its attempt for as long as that scheduler says so again and
again. Then, by PostgreSQL's clock, the attempt is lost, and the run may be tried by another.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, DateTime, case, delete, false, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import aliased

from metadata import audit, leases
from metadata.audit import SCHEDULER, Action, Entry, Outcome
from metadata.leases import NOW
from metadata.models import JobRun, ReportExecution, ScheduledJob
from metadata.schedule.job import RunState
from metadata.schedule.jobs import IS_ON, LEASE
from metadata.session import told
from streams.settings import Settings

LONGEST_BACKOFF: Final = timedelta(hours=1)
LOST: Final = "the scheduler that ran it is gone, or could not reach PostgreSQL; the attempt was ended"


class Begun(NamedTuple):
    """An attempt that has been given to a scheduler."""

    id: int
    job: str
    attempt: int
    command: tuple[str, ...]
    timeout_seconds: int
    due_at: datetime
    asked_by: str | None


class Ended(NamedTuple):
    """How an attempt ended."""

    exit_code: int | None
    """Of the command; 128 + n after signal n."""
    output: str
    """The end of what it said."""
    is_counted: bool = True
    """False: it was ended since the scheduler ends; the run waits as if it had not begun."""


class Runs:
    """The runs of one metadata database. Every method raises MetadataUnavailable, and SchemaDrift before `migrate`."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def ask(self, job: str, by: str, now: datetime) -> int:
        """Have a job run now, enabled or not; returns the number of the run."""
        new = insert(JobRun).values(job=job, due_at=now, not_before=now, state=RunState.WAITING, asked_by=by)
        with told(self._settings):
            async with self._engine.begin() as connection:
                return int((await connection.execute(new.returning(JobRun.id))).scalar_one())

    async def give_up_lost(self, holder: str, now: datetime) -> list[str]:
        """Let runs wait for their next attempt, or fail, whose scheduler is gone; returns their jobs."""
        lost = (JobRun.state == RunState.RUNNING) & (JobRun.alive_until <= NOW)
        values = _after_failure(now) | {"output": LOST, "exit_code": None}
        changed = update(JobRun).where(lost, JobRun.job == ScheduledJob.name).values(values)
        with told(self._settings):
            async with self._engine.begin() as connection:
                if not await leases.has(connection, LEASE, holder):
                    return []
                found = (await connection.execute(changed.returning(JobRun.job, JobRun.record))).all()
                for _, record in found:
                    await audit.ended(connection, record, Outcome.FAILED, {"reason": LOST})
                return [job for job, _ in found]

    async def begin(self, holder: str, now: datetime, seconds: float) -> Begun | None:
        """The attempt that is next, which is this scheduler's for so many seconds; None: nothing is to be done.

        Only who has the lease is given one, and none of a job that is running already. The audit log tells of each.
        """
        with told(self._settings):
            async with self._engine.begin() as connection:
                if not await leases.has(connection, LEASE, holder):
                    return None
                found = (await connection.execute(_next(now))).one_or_none()
                if found is None:
                    return None
                values = {"state": RunState.RUNNING, "attempt": JobRun.attempt + 1, "holder": holder}
                values |= {"started_at": now, "alive_until": NOW + timedelta(seconds=seconds)}
                begun = update(JobRun).where(JobRun.id == found.id).values(values).returning(JobRun.attempt)
                attempt = (await connection.execute(begun)).scalar_one()
                how = {"run": found.id, "attempt": attempt, "due_at": found.due_at.isoformat()}
                entry = Entry(found.asked_by or SCHEDULER, Action.JOB_RUN, found.job, how | {"holder": holder})
                record = await audit.begun(connection, entry)
                await connection.execute(update(JobRun).where(JobRun.id == found.id).values(record=record))
        return Begun(
            found.id, found.job, attempt, tuple(found.command), found.timeout_seconds, found.due_at, found.asked_by
        )

    async def hold(self, holder: str, ids: Sequence[int], seconds: float) -> set[int]:
        """Have one's attempts for longer; returns those that are still one's own."""
        own = _own(holder) & JobRun.id.in_(ids)
        held = update(JobRun).where(own).values(alive_until=NOW + timedelta(seconds=seconds)).returning(JobRun.id)
        with told(self._settings):
            async with self._engine.begin() as connection:
                return {*(await connection.execute(held)).scalars()}

    async def end(self, holder: str, begun: Begun, ended: Ended, now: datetime) -> RunState | None:
        """Note how an attempt ended; returns what became of the run, None if it was another's by then."""
        values: dict[str, Any] = {"exit_code": ended.exit_code, "output": ended.output, "ended_at": now}
        if not ended.is_counted:
            values |= {"state": RunState.WAITING, "attempt": JobRun.attempt - 1, "alive_until": None}
        elif ended.exit_code == 0:
            values |= {"state": RunState.DONE, "alive_until": None}
        else:
            values |= _after_failure(now)
        own = _own(holder) & (JobRun.id == begun.id) & (JobRun.attempt == begun.attempt)
        changed = update(JobRun).where(own, JobRun.job == ScheduledJob.name).values(values)
        with told(self._settings):
            async with self._engine.begin() as connection:
                found = (await connection.execute(changed.returning(JobRun.state, JobRun.record))).one_or_none()
                if found is None:
                    return None
                outcome = Outcome.DONE if ended.exit_code == 0 else Outcome.FAILED
                if not ended.is_counted:
                    outcome = Outcome.CANCELLED
                await audit.ended(connection, found.record, outcome, {"exit_code": ended.exit_code})
                return RunState(found.state)

    async def find(self, run: int) -> JobRun | None:
        """One run; None if there is none of this number."""
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return await session.get(JobRun, run)

    async def newest(self, job: str | None, limit: int) -> list[JobRun]:
        """Runs of a job, or of all, the newest first."""
        asked = select(JobRun).order_by(JobRun.due_at.desc(), JobRun.id.desc()).limit(limit)
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return [*await session.scalars(asked if job is None else asked.where(JobRun.job == job))]

    async def last(self) -> dict[str, JobRun]:
        """The newest run of each job."""
        one_each = select(JobRun).ext(distinct_on(JobRun.job))
        asked = one_each.order_by(JobRun.job, JobRun.due_at.desc(), JobRun.id.desc())
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return {run.job: run for run in await session.scalars(asked)}

    async def last_done(self) -> Mapping[str, datetime]:
        """When each job last ended well."""
        asked = select(JobRun.job, func.max(JobRun.ended_at)).where(JobRun.state == RunState.DONE).group_by(JobRun.job)
        with told(self._settings):
            async with self._engine.connect() as connection:
                return {job: at for job, at in await connection.execute(asked) if at is not None}

    async def clean(self, before: datetime) -> tuple[int, int]:
        """Remove runs and report executions that ended before a moment; of each job the newest run stays.

        So does an export whose file can still be fetched. Returns how many of each.
        """
        newer = aliased(JobRun)
        has_file = ReportExecution.expires_at > func.now()
        is_newest = ~select(newer.id).where(newer.job == JobRun.job, newer.due_at > JobRun.due_at).exists()
        with told(self._settings):
            async with self._engine.begin() as connection:
                runs = delete(JobRun).where(JobRun.ended_at < before, _is_over(), ~is_newest)
                old = (ReportExecution.ended_at < before) & func.coalesce(has_file, false()).is_(False)
                reports = delete(ReportExecution).where(old)
                return await _count(connection, runs), await _count(connection, reports)


def _next(now: datetime) -> Any:
    """The statement for the run whose turn it is, locked: the one that was due first."""
    other = aliased(JobRun)
    running = select(other.id).where(other.job == JobRun.job, other.state == RunState.RUNNING).exists()
    return (
        select(
            JobRun.id, JobRun.job, JobRun.due_at, JobRun.asked_by, ScheduledJob.command, ScheduledJob.timeout_seconds
        )
        .join(ScheduledJob, ScheduledJob.name == JobRun.job)
        .where(JobRun.state == RunState.WAITING, JobRun.not_before <= now, or_(IS_ON, JobRun.asked_by.is_not(None)))
        .where(~running)
        .order_by(JobRun.due_at, JobRun.id)
        .limit(1)
        .with_for_update(of=JobRun)
    )


def _after_failure(now: datetime) -> dict[str, Any]:
    """What becomes of a run whose attempt has failed; ScheduledJob says how often it is tried, and when."""
    has_more = JobRun.attempt < ScheduledJob.attempts
    seconds = func.least(
        ScheduledJob.backoff_seconds * func.pow(2, JobRun.attempt - 1), LONGEST_BACKOFF.total_seconds()
    )
    return {
        "state": case((has_more, literal(str(RunState.WAITING))), else_=literal(str(RunState.FAILED))),
        "alive_until": None,
        "ended_at": now,
        "not_before": case(
            (has_more, literal(now, DateTime(timezone=True)) + func.make_interval(0, 0, 0, 0, 0, 0, seconds)),
            else_=JobRun.not_before,
        ),
    }


def _own(holder: str) -> ColumnElement[bool]:
    return (JobRun.state == RunState.RUNNING) & (JobRun.holder == holder)


def _is_over() -> ColumnElement[bool]:
    return JobRun.state.in_([RunState.DONE, RunState.FAILED, RunState.SKIPPED])


async def _count(connection: AsyncConnection, statement: Any) -> int:
    return int((await connection.execute(statement)).rowcount)
