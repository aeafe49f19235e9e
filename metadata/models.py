"""The tables of the metadata database. A change of one is a migration too: see metadata/alembic/versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

COPIED = "copied"
"""Key of a table's `info`; False: a backup leaves its rows out."""

# Named by rule, so that a migration can drop a constraint by a name that it knows.
NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every table shares."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own form
        datetime: DateTime(timezone=True),
        str: Text(),
        list[str]: ARRAY(Text()),
        bytes: LargeBinary(),
        int: Integer(),
        float: Double(),
        dict[str, Any]: JSONB(),
    }


def _number() -> Mapped[int]:
    """The number of a row, given by the database."""
    return mapped_column(BigInteger(), Identity(always=True), primary_key=True)


def _one_of(column: str, *words: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, words))})", name=column)


class AuditRecord(Base):
    """One line of the audit log: an act that began, or how it ended. A trigger refuses every change; see audit.py."""

    __tablename__ = "audit_log"
    __table_args__ = (
        _one_of("outcome", "begun", "done", "failed", "cancelled"),
        CheckConstraint("outcome <> 'begun' OR began IS NULL", name="began"),
        UniqueConstraint("began"),
        Index(None, "at"),
    )

    id: Mapped[int] = _number()
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """By PostgreSQL's clock."""
    actor: Mapped[str]
    """`key:` and the id of an API key, `user@host` of who called a command, or `scheduler`."""
    action: Mapped[str]
    """A word of `Action`."""
    subject: Mapped[str]
    """What it was done to: a table, a group of metrics, a pseudonym, a job, a key."""
    parameters: Mapped[dict[str, Any]]
    """How, and in the line of an end what came of it; no secrets, no person's id."""
    outcome: Mapped[str]
    """A word of `Outcome`."""
    began: Mapped[int | None] = mapped_column(BigInteger(), ForeignKey("audit_log.id"))
    """Of the end of an act: the line that says that it began."""


class ScheduledJob(Base):
    """A command that the scheduler calls by a cron expression; see metadata/schedule."""

    __tablename__ = "scheduled_jobs"
    __table_args__ = (
        _one_of("catch_up", "skip", "once", "all"),
        CheckConstraint("cardinality(command) > 0", name="command"),
        CheckConstraint("catch_up_limit > 0 AND timeout_seconds > 0 AND attempts > 0", name="bounds"),
        CheckConstraint("backoff_seconds >= 0", name="backoff"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    sentence: Mapped[str]
    """What it is for."""
    command: Mapped[list[str]]
    """The words after `millrace`."""
    cron: Mapped[str]
    """When it is due, on the clock of the zone."""
    zone: Mapped[str]
    """IANA zone."""
    own_cron: Mapped[str | None]
    """An operator's, in place of the declared one."""
    own_zone: Mapped[str | None]
    """An operator's, in place of the declared one."""
    catch_up: Mapped[str]
    """What becomes of due times at which no scheduler ran: a word of `CatchUp`."""
    catch_up_limit: Mapped[int]
    """Runs made up for at most, where all are."""
    timeout_seconds: Mapped[int]
    """An attempt that takes longer is ended, and has failed."""
    attempts: Mapped[int]
    """Tries of one run at most."""
    backoff_seconds: Mapped[int]
    """Wait before the second attempt; doubled each time."""
    is_enabled: Mapped[bool]
    """Whether it runs by itself unless an operator said otherwise."""
    own_enabled: Mapped[bool | None]
    """What an operator said."""
    is_declared: Mapped[bool]
    """Declared in metadata/schedule/declared.py, and off once it is no longer; else made by whoever needs it."""
    decided_until: Mapped[datetime]
    """All due times up to this one have become runs, or were passed over."""
    changed_by: Mapped[str | None]
    """Operator who changed it last."""
    changed_at: Mapped[datetime | None]


class JobRun(Base):
    """One run of a job: of one due time, whoever schedules, and however often it is tried."""

    __tablename__ = "job_runs"
    __table_args__ = (
        UniqueConstraint("job", "due_at"),
        _one_of("state", "waiting", "running", "done", "failed", "skipped"),
        CheckConstraint("(state = 'running') = (alive_until IS NOT NULL)", name="alive"),
        Index(None, "not_before", postgresql_where=text("state IN ('waiting', 'running')")),
    )

    id: Mapped[int] = _number()
    job: Mapped[str] = mapped_column(ForeignKey(ScheduledJob.name, ondelete="CASCADE"))
    due_at: Mapped[datetime]
    state: Mapped[str]
    """A word of `RunState`."""
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    """Attempts begun so far."""
    not_before: Mapped[datetime]
    """The next attempt waits until then."""
    holder: Mapped[str | None]
    """Scheduler that has, or had, the present attempt."""
    alive_until: Mapped[datetime | None]
    """By PostgreSQL's clock: an attempt whose scheduler has not said so for longer is lost."""
    started_at: Mapped[datetime | None]
    """Of the present attempt."""
    ended_at: Mapped[datetime | None]
    exit_code: Mapped[int | None]
    """Of the command; 128 + n after signal n."""
    output: Mapped[str] = mapped_column(server_default=text("''"))
    """The end of what the command said, or why there is none."""
    asked_by: Mapped[str | None]
    """Who asked for it; null: the schedule did."""
    record: Mapped[int | None] = mapped_column(BigInteger())
    """Line of the audit log that says that the present attempt began."""


class Lease(Base):
    """Who does what only one process may do."""

    __tablename__ = "leases"
    __table_args__ = ({"info": {COPIED: False}},)

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    acquired_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    """By PostgreSQL's clock."""


class ReportConfig(Base):
    """A report that is made again and again."""

    __tablename__ = "report_configs"
    __table_args__ = (_one_of("format", "html", "pdf", "csv", "xlsx", "json", "ndjson", "parquet"),)

    id: Mapped[int] = _number()
    name: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    content: Mapped[dict[str, Any]]
    """What it shows: metrics, tables, periods, filters."""
    format: Mapped[str]
    delivery: Mapped[dict[str, Any]]
    """Where it goes."""
    job: Mapped[str | None] = mapped_column(ForeignKey(ScheduledJob.name, ondelete="SET NULL"))
    """The job that makes it; null: made when somebody asks."""
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReportExecution(Base):
    """One making of a report, or of an export that is too large for one answer."""

    __tablename__ = "report_executions"
    __table_args__ = (
        _one_of("state", "waiting", "running", "done", "failed", "cancelled", "expired"),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        Index(None, "created_at"),
    )

    id: Mapped[int] = _number()
    report: Mapped[int | None] = mapped_column(BigInteger(), ForeignKey(ReportConfig.id, ondelete="CASCADE"))
    """Null: an export."""
    run: Mapped[int | None] = mapped_column(BigInteger(), ForeignKey(JobRun.id, ondelete="SET NULL"))
    """The run of a job that it is part of."""
    asked: Mapped[dict[str, Any]]
    """The question, with its periods as times."""
    asked_by: Mapped[str]
    state: Mapped[str]
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    """Attempts begun so far."""
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    """Share that is done."""
    expected: Mapped[int | None] = mapped_column(BigInteger())
    """Rows that there will be, where that can be known."""
    rows: Mapped[int | None] = mapped_column(BigInteger())
    """Rows so far."""
    bytes: Mapped[int | None] = mapped_column(BigInteger())
    file: Mapped[str | None]
    """Name of the whole file in its folder, until it expires."""
    expires_at: Mapped[datetime | None]
    error: Mapped[str | None]
    """Why it failed, or what the last attempt met."""
    record: Mapped[int | None] = mapped_column(BigInteger())
    """Line of the audit log that says that it was ordered."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class MetricCache(Base):
    """What was answered last, for the time when ClickHouse is away and Redis has nothing; see metadata/answers.py."""

    __tablename__ = "metric_cache"
    __table_args__ = (Index(None, "made_at"), {"info": {COPIED: False}})

    key: Mapped[str] = mapped_column(primary_key=True)
    """Hash of group, version and question."""
    content: Mapped[bytes]
    """The answer, JSON."""
    bytes: Mapped[int]
    """Length of the content."""
    made_at: Mapped[datetime]


class QualityDefinition(Base):
    """A rule that data must keep."""

    __tablename__ = "quality_definitions"
    __table_args__ = (_one_of("severity", "info", "warning", "critical"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    sentence: Mapped[str]
    kind: Mapped[str]
    """Kind of rule, such as completeness or uniqueness."""
    relation: Mapped[str]
    """Table of ClickHouse that it is about."""
    parameters: Mapped[dict[str, Any]]
    """Columns, bounds, and what else its kind needs."""
    severity: Mapped[str]
    is_enabled: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class QualityResult(Base):
    """What one check of a rule found."""

    __tablename__ = "quality_results"
    __table_args__ = (
        _one_of("state", "passed", "failed", "error"),
        CheckConstraint("score BETWEEN 0 AND 1", name="score"),
        Index(None, "definition", "checked_at"),
    )

    id: Mapped[int] = _number()
    definition: Mapped[str] = mapped_column(ForeignKey(QualityDefinition.name, ondelete="CASCADE"))
    run: Mapped[int | None] = mapped_column(BigInteger(), ForeignKey(JobRun.id, ondelete="SET NULL"))
    """The run of a job that it is part of."""
    checked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    state: Mapped[str]
    checked_rows: Mapped[int | None] = mapped_column(BigInteger())
    failing_rows: Mapped[int | None] = mapped_column(BigInteger())
    score: Mapped[float | None]
    """Share of rows that keep the rule."""
    examples: Mapped[dict[str, Any] | None]
    """Some of the rows that do not."""
    detail: Mapped[str | None]


class ApiKey(Base):
    """One key of the HTTP interface. The secret itself is nowhere."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256"),
        CheckConstraint("cardinality(scopes) > 0", name="scopes"),
        CheckConstraint("requests_per_second > 0 AND events_per_second > 0", name="rates"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """Public part of the key; it stands in front of the secret, in logs and in lists."""
    name: Mapped[str]
    """Who or what uses it."""
    secret_sha256: Mapped[bytes]
    """SHA-256 of the secret; see metadata/secret.py."""
    scopes: Mapped[list[str]]
    """What it may do; words of `Scope`."""
    domains: Mapped[list[str]]
    """Domains whose events it may touch."""
    requests_per_second: Mapped[int | None]
    """Its own limit; null: that of the settings."""
    events_per_second: Mapped[int | None]
    """Its own limit; null: that of the settings."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    """From then on it is refused; null: never."""
    revoked_at: Mapped[datetime | None]
    """When it was taken back."""
    last_used_at: Mapped[datetime | None]
    """When it was last accepted, to half a minute."""
