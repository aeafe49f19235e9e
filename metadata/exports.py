"""Exports that are made as jobs, as they are kept: ordered, made by one process at a time, done, removed.

Who makes them has the lease `exports`, so one that is `running` when a maker begins was left by one that died. It is
tried again, and has failed once it has been begun three times: whatever kills its process would do so for ever. An
attempt is told apart by its number, so that a maker that slept through its lease changes nothing any more.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from metadata import audit
from metadata.audit import Entry, Outcome
from metadata.models import JobRun, ReportExecution
from metadata.schedule.job import RunState
from metadata.session import told
from metadata.storable import storable
from streams.settings import Settings

JOB: Final = "exports"
"""Name of the job that makes them, and of the lease."""
MOST_ATTEMPTS: Final = 3
LEFT: Final = "its process ended before it was done"
GIVEN_UP: Final = f"it was begun {MOST_ATTEMPTS} times, and each time {LEFT}"
CANCELLED: Final = "it was cancelled"


class State(StrEnum):
    """What has become of an export."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    """Its file can be fetched."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its file is gone."""


class Taken(NamedTuple):
    """An export that is made now."""

    id: int
    attempt: int
    asked: Mapping[str, Any]


class Exports:
    """The exports of one metadata database. Every method raises MetadataUnavailable, and SchemaDrift."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def order(self, asked: Mapping[str, Any], entry: Entry, now: datetime) -> int:
        """Have an export made; returns its number. The audit log has it from now on, and the scheduler begins soon."""
        with told(self._settings):
            async with self._engine.begin() as connection:
                record = await audit.begun(connection, entry)
                values = {"asked": dict(asked), "asked_by": entry.actor, "state": State.WAITING, "record": record}
                new = insert(ReportExecution).values(values).returning(ReportExecution.id)
                number = int((await connection.execute(new)).scalar_one())
                await _wake(connection, entry.actor, now)
        return number

    async def find(self, number: int, by: str) -> ReportExecution | None:
        """An export that somebody ordered; None: there is none of this number, or it is another's."""
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                found = await session.get(ReportExecution, number)
        return found if found is not None and found.report is None and found.asked_by == by else None

    async def newest(self, by: str, limit: int) -> list[ReportExecution]:
        """What somebody ordered, the newest first."""
        asked = select(ReportExecution).where(ReportExecution.report.is_(None), ReportExecution.asked_by == by)
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return [*await session.scalars(asked.order_by(ReportExecution.id.desc()).limit(limit))]

    async def cancel(self, number: int, by: str, now: datetime) -> None:
        """Let an export not be made, or its file be removed; one that is over stays what it is."""
        is_open = ReportExecution.state.in_([State.WAITING, State.RUNNING])
        stopped = update(ReportExecution).where(ReportExecution.id == number, is_open)
        stopped = stopped.values(state=State.CANCELLED, error=CANCELLED, ended_at=now)
        is_done = (ReportExecution.id == number) & (ReportExecution.state == State.DONE)
        with told(self._settings):
            async with self._engine.begin() as connection:
                found = (await connection.execute(stopped.returning(ReportExecution.record))).one_or_none()
                if found is not None:
                    await audit.ended(connection, found.record, Outcome.CANCELLED, {})
                await connection.execute(update(ReportExecution).where(is_done).values(expires_at=now))
                await _wake(connection, by, now)

    async def take_back(self, now: datetime) -> None:
        """Let what a maker has left behind wait for its next attempt, or fail. For whoever has the lease."""
        left = (ReportExecution.state == State.RUNNING) & ReportExecution.report.is_(None)
        again = update(ReportExecution).where(left, ReportExecution.attempt < MOST_ATTEMPTS)
        over = update(ReportExecution).where(left).values(state=State.FAILED, error=GIVEN_UP, ended_at=now)
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(again.values(state=State.WAITING, error=LEFT, progress=0, rows=None))
                for record in (await connection.execute(over.returning(ReportExecution.record))).scalars():
                    await audit.ended(connection, record, Outcome.FAILED, {"reason": GIVEN_UP})

    async def take(self, now: datetime, but: Collection[int] = ()) -> Taken | None:
        """The export whose turn it is, which runs from now on; None: none waits, `but` for some that are left out."""
        waiting = (ReportExecution.state == State.WAITING) & ReportExecution.report.is_(None)
        waiting &= ReportExecution.id.not_in(but)
        following = select(ReportExecution.id).where(waiting).order_by(ReportExecution.id).limit(1)
        values = {"state": State.RUNNING, "attempt": ReportExecution.attempt + 1, "started_at": now}
        begun = update(ReportExecution).where(ReportExecution.id.in_(following.with_for_update())).values(values)
        with told(self._settings):
            async with self._engine.begin() as connection:
                columns = (ReportExecution.id, ReportExecution.attempt, ReportExecution.asked)
                found = (await connection.execute(begun.returning(*columns))).one_or_none()
        return None if found is None else Taken(*found)

    async def tell(self, taken: Taken, rows: int, size: int, expected: int | None) -> bool:
        """Say how far it is; returns whether it is still to be made."""
        progress = min(1.0, rows / expected) if expected else 0.0
        values = {"rows": rows, "bytes": size, "progress": progress, "expected": expected}
        return await self._change(taken, values)

    async def done(self, taken: Taken, file: str, rows: int, size: int, now: datetime, until: datetime) -> bool:
        """Say that the whole file has its name; returns whether that was still wanted."""
        values = {"state": State.DONE, "file": file, "rows": rows, "bytes": size, "progress": 1.0, "error": None}
        values |= {"ended_at": now, "expires_at": until}
        return await self._change(taken, values, Outcome.DONE, {"rows": rows, "bytes": size})

    async def failed(self, taken: Taken, why: str, now: datetime, *, for_good: bool) -> bool:
        """Say that an attempt failed; it is the last, or one that fails for good. Returns whether it was the last."""
        why = storable(why)
        if not for_good and taken.attempt < MOST_ATTEMPTS:
            await self._change(taken, {"state": State.WAITING, "error": why, "progress": 0, "rows": None})
            return False
        values = {"state": State.FAILED, "error": why, "ended_at": now}
        await self._change(taken, values, Outcome.FAILED, {"reason": why[: audit.LONGEST_REASON]})
        return True

    async def expired(self, now: datetime) -> None:
        """Say of files whose time has come that they are gone: whoever says so removes them then."""
        old = (ReportExecution.state == State.DONE) & (ReportExecution.expires_at <= now)
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(update(ReportExecution).where(old).values(state=State.EXPIRED))

    async def files(self) -> set[str]:
        """Names of the files that can be fetched."""
        asked = select(ReportExecution.file).where(
            ReportExecution.state == State.DONE, ReportExecution.file.is_not(None)
        )
        with told(self._settings):
            async with self._engine.connect() as connection:
                return {str(name) for name in (await connection.execute(asked)).scalars()}

    async def _change(
        self, taken: Taken, values: Mapping[str, Any], outcome: Outcome | None = None, figures: Mapping[str, Any] = {}
    ) -> bool:
        own = (ReportExecution.id == taken.id) & (ReportExecution.attempt == taken.attempt)
        mine = update(ReportExecution).where(own, ReportExecution.state == State.RUNNING).values(values)
        with told(self._settings):
            async with self._engine.begin() as connection:
                found = (await connection.execute(mine.returning(ReportExecution.record))).one_or_none()
                if found is not None and outcome is not None:
                    await audit.ended(connection, found.record, outcome, figures)
        return found is not None


async def _wake(connection: AsyncConnection, by: str, now: datetime) -> None:
    """Have the job run, unless it is about to."""
    waits = select(JobRun.id).where(JobRun.job == JOB, JobRun.state == RunState.WAITING).exists()
    values = (literal(JOB), literal(now), literal(now), literal(str(RunState.WAITING)), literal(by))
    new = select(*values).where(~waits)
    names: Sequence[str] = ["job", "due_at", "not_before", "state", "asked_by"]
    await connection.execute(insert_or(JobRun).from_select(names, new).on_conflict_do_nothing())
