"""Reports as they are kept: what each shows, where it goes, the job that makes it, and what was made."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Update, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from metadata import audit
from metadata.audit import Action, Entry
from metadata.models import ReportConfig, ReportExecution, ScheduledJob
from metadata.schedule.job import Job
from metadata.schedule.jobs import row
from metadata.session import told
from metadata.storable import storable
from streams.errors import ConfigurationError
from streams.settings import Settings

JOB: Final = "report:"
"""How names of their jobs begin."""
LONGEST: Final = timedelta(hours=1)
"""What is not made by then is made by nobody: so long a job may take, and what a person starts takes minutes."""
GONE: Final = "whoever made it is gone: the process was killed, or its machine stopped"


class Wanted(NamedTuple):
    """A report as somebody configures it."""

    name: str
    title: str
    content: Mapping[str, Any]
    """Its sections."""
    format: str
    """html or pdf."""
    delivery: Mapping[str, Any]
    cron: str
    """When it is made; empty: when somebody asks."""
    zone: str


class Reports:
    """The reports of one metadata database. Every method raises MetadataUnavailable, and SchemaDrift."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def put(self, wanted: Wanted, by: str, now: datetime) -> None:
        """Keep a report, in place of one of the same name, with the job that makes it; the audit log tells it."""
        job = f"{JOB}{wanted.name}"
        values = {
            "title": wanted.title,
            "content": dict(wanted.content),
            "format": wanted.format,
            "delivery": dict(wanted.delivery),
            "job": job if wanted.cron else None,
        }
        new = insert_or(ReportConfig).values(name=wanted.name, created_by=by, **values)
        kept = new.on_conflict_do_update(index_elements=[ReportConfig.name], set_=values | {"changed_at": func.now()})
        how: dict[str, Any] = {"title": wanted.title, "cron": wanted.cron, "zone": wanted.zone}
        how |= {
            "format": wanted.format,
            "mail": len(wanted.delivery.get("mail", [])),
            "webhook": bool(wanted.delivery.get("webhook")),
        }
        with told(self._settings):
            async with self._engine.begin() as connection:
                if wanted.cron:
                    await _schedule(connection, wanted, now)
                await connection.execute(kept)
                if not wanted.cron:
                    await connection.execute(delete(ScheduledJob).where(ScheduledJob.name == job))
                await audit.noted(connection, Entry(by, Action.REPORT_CHANGE, wanted.name, how))

    async def remove(self, name: str, by: str) -> None:
        """Remove a report, its job, and what is kept of its making; files stay. Raises ConfigurationError."""
        await self.find(name)
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(delete(ReportConfig).where(ReportConfig.name == name))
                await connection.execute(delete(ScheduledJob).where(ScheduledJob.name == f"{JOB}{name}"))
                await audit.noted(connection, Entry(by, Action.REPORT_CHANGE, name, {"removed": True}))

    async def all(self) -> list[ReportConfig]:
        """Every report by name."""
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return [*await session.scalars(select(ReportConfig).order_by(ReportConfig.name))]

    async def find(self, name: str) -> ReportConfig:
        """One report. Raises ConfigurationError, which names all, if there is none."""
        found = await self.all()
        for report in found:
            if report.name == name:
                return report
        known = ", ".join(report.name for report in found) or "none yet; make one with `millrace reports set`"
        raise ConfigurationError(f"there is no report {name!r}; there are: {known}")

    async def begin(self, report: ReportConfig, by: str, now: datetime) -> int:
        """Say that a report is being made; returns the number of the execution.

        Of makings that never came to their end it says so too: whoever was killed could not.
        """
        values = {"report": report.id, "asked": report.content, "asked_by": by, "state": "running", "attempt": 1}
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(_gone())
                new = insert(ReportExecution).values(**values, started_at=now).returning(ReportExecution.id)
                return int((await connection.execute(new)).scalar_one())

    async def end(self, number: int, now: datetime, *, file: str | None, size: int | None, error: str | None) -> None:
        """Say how it ended: well where there is no error."""
        reason = storable(error) if error else None
        values: dict[str, Any] = {"state": "failed" if error else "done", "error": reason, "ended_at": now}
        values |= {"file": file, "bytes": size}
        if not error:
            values["progress"] = 1.0
        with told(self._settings):
            async with self._engine.begin() as connection:
                own = (ReportExecution.id == number) & (ReportExecution.state == "running")
                await connection.execute(update(ReportExecution).where(own).values(values))

    async def executions(self, report: ReportConfig, limit: int) -> list[ReportExecution]:
        """What was made of a report, the newest first."""
        asked = select(ReportExecution).where(ReportExecution.report == report.id)
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return [*await session.scalars(asked.order_by(ReportExecution.id.desc()).limit(limit))]


def _gone() -> Update:
    """The statement that lets makings of reports fail that are older than any that lives, by PostgreSQL's clock."""
    is_old = (ReportExecution.state == "running") & ReportExecution.report.is_not(None)
    is_old &= ReportExecution.created_at <= func.now() - LONGEST
    return update(ReportExecution).where(is_old).values(state="failed", error=GONE, ended_at=func.now())


async def _schedule(connection: AsyncConnection, wanted: Wanted, now: datetime) -> None:
    """The job of a report; what operators changed about it stays."""
    command = ("reports", "run", wanted.name)
    job = Job(f"{JOB}{wanted.name}", f"The report {wanted.title!r}.", command, wanted.cron, wanted.zone)
    values = row(job, now) | {"is_declared": False}
    changed = {name: value for name, value in values.items() if name != "name"}
    new = insert_or(ScheduledJob).values(values)
    await connection.execute(new.on_conflict_do_update(index_elements=[ScheduledJob.name], set_=changed))
