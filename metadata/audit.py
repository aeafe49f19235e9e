"""The audit log: who did what to what, when, and what came of it. Lines are added, and never changed.

An act that changes the metadata database is one line, `done`, of the same transaction. One that does something
elsewhere is a line `begun` before it, and a line with its outcome after it: where the second is missing, whoever did it
ended before he could say, and it may have been done.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import structlog
from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import aliased

from metadata.models import AuditRecord
from metadata.session import told
from metadata.storable import storable
from streams.errors import MillraceError
from streams.settings import Settings

log = structlog.get_logger(__name__)

SCHEDULER = "scheduler"
"""The actor of what only the schedule asked for."""
LONGEST_REASON = 500
"""Characters of why something failed."""


class Action(StrEnum):
    """What is recorded."""

    EXPORT = "export"
    """Numbers or rows written into a file, for somebody to take away."""
    DOWNLOAD = "export.download"
    """A made export fetched."""
    PEOPLE_READ = "people.read"
    """Ids of people listed by product analytics."""
    ERASE = "erase"
    """A person erased by `millrace forget`; the subject is the pseudonym."""
    REPLAY = "letters.replay"
    """Dead letters sent again."""
    DISCARD = "letters.discard"
    """Dead letters given up."""
    KEY_MAKE = "key.make"
    """An API key made."""
    KEY_REVOKE = "key.revoke"
    """An API key taken back."""
    JOB_CHANGE = "job.change"
    """A scheduled job enabled, disabled, or given other due times."""
    JOB_RUN = "job.run"
    """One attempt of a run of a job."""
    REPORT_CHANGE = "report.change"
    """A report configured, changed or removed."""
    REPORT_MAKE = "report.make"
    """A report made and sent."""


class Outcome(StrEnum):
    """What came of an act."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """One act, as it is recorded."""

    actor: str
    action: Action
    subject: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """How; plain values that JSON has."""


@dataclass(slots=True)
class Act:
    """An act under way."""

    record: int
    """Number of the line that says that it began."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What came of it, for the line of its end."""


class Recorded(NamedTuple):
    """An act as the log tells it."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    parameters: Mapping[str, Any]
    outcome: str
    """`begun`: nobody has said how it ended."""
    ended_at: datetime | None
    figures: Mapping[str, Any]
    """What came of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts; what is None or empty does not matter."""

    begin: datetime | None = None
    end: datetime | None = None
    """Not part of the range."""
    actions: tuple[str, ...] = ()
    actor: str = ""
    """How its name begins."""
    limit: int | None = None
    """The newest so many."""


class Audit:
    """The log of one metadata database. Every method raises MetadataUnavailable, and SchemaDrift before `migrate`."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def begin(self, entry: Entry) -> int:
        """Say that an act begins; returns the number of the line. Once this has returned, the line is kept."""
        with told(self._settings):
            async with self._engine.begin() as connection:
                return await begun(connection, entry)

    async def end(self, record: int, outcome: Outcome, figures: Mapping[str, Any] | None = None) -> None:
        """Say how an act ended; only the first end of an act counts."""
        with told(self._settings):
            async with self._engine.begin() as connection:
                await ended(connection, record, outcome, figures or {})

    async def note(self, entry: Entry, outcome: Outcome = Outcome.DONE) -> None:
        """Say that something was done, where nothing can go wrong in between."""
        with told(self._settings):
            async with self._engine.begin() as connection:
                await noted(connection, entry, outcome)

    @asynccontextmanager
    async def act(self, entry: Entry) -> AsyncIterator[Act]:
        """Record what happens in the block: that it begins, and its outcome. What is raised in it is raised again."""
        async with self.ending(await self.begin(entry)) as act:
            yield act

    @asynccontextmanager
    async def ending(self, record: int) -> AsyncIterator[Act]:
        """Record the outcome of the block, whose beginning is recorded. What is raised in it is raised again.

        An outcome that cannot be written is logged: what is done is done, and its beginning stands in the log.
        """
        act, outcome = Act(record), Outcome.FAILED
        try:
            yield act
            outcome = Outcome.DONE
        except BaseException as error:
            act.figures["reason"] = reason(error)
            raise
        finally:
            try:
                await self.end(record, outcome, act.figures)
            except MillraceError as error:
                log.error("an outcome was not recorded", record=record, outcome=str(outcome), error=str(error))

    async def list(self, wanted: Wanted) -> list[Recorded]:
        """Acts with their outcome, the newest first."""
        first, last = AuditRecord, aliased(AuditRecord)
        asked = (
            select(first, last.outcome, last.at, last.parameters)
            .outerjoin(last, last.began == first.id)
            .where(first.began.is_(None))
            .order_by(first.id.desc())
            .limit(wanted.limit)
        )
        if wanted.begin is not None:
            asked = asked.where(first.at >= wanted.begin)
        if wanted.end is not None:
            asked = asked.where(first.at < wanted.end)
        if wanted.actions:
            asked = asked.where(first.action.in_(wanted.actions))
        if wanted.actor:
            asked = asked.where(func.starts_with(first.actor, wanted.actor))
        with told(self._settings):
            async with self._engine.connect() as connection:
                return [_recorded(row) for row in await connection.execute(asked)]


async def begun(connection: AsyncConnection, entry: Entry) -> int:
    """As `Audit.begin`, within a transaction."""
    return await _insert(connection, entry, Outcome.BEGUN)


async def noted(connection: AsyncConnection, entry: Entry, outcome: Outcome = Outcome.DONE) -> int:
    """As `Audit.note`, within the transaction of what was done."""
    return await _insert(connection, entry, outcome)


async def ended(connection: AsyncConnection, record: int | None, outcome: Outcome, figures: Mapping[str, Any]) -> None:
    """As `Audit.end`, within a transaction; without a record nothing is written."""
    if record is None:
        return
    names = ["actor", "action", "subject", "parameters", "outcome", "began"]
    first = select(
        AuditRecord.actor,
        AuditRecord.action,
        AuditRecord.subject,
        literal(dict(figures), JSONB()),
        literal(str(outcome)),
        AuditRecord.id,
    ).where(AuditRecord.id == record)
    await connection.execute(insert(AuditRecord).from_select(names, first).on_conflict_do_nothing())


def reason(error: BaseException) -> str:
    """Why something failed, in few words."""
    return storable(str(error) or type(error).__name__)[:LONGEST_REASON]


async def _insert(connection: AsyncConnection, entry: Entry, outcome: Outcome) -> int:
    new = insert(AuditRecord).values(
        actor=entry.actor,
        action=str(entry.action),
        subject=entry.subject,
        parameters=dict(entry.parameters),
        outcome=str(outcome),
    )
    return int((await connection.execute(new.returning(AuditRecord.id))).scalar_one())


def _recorded(row: Any) -> Recorded:
    number, at, actor, action, subject, parameters, outcome, _, end, ended_at, figures = row
    return Recorded(number, at, actor, action, subject, parameters, end or outcome, ended_at, figures or {})
