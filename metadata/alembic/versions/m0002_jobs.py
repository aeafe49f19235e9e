"""Jobs, reports, the metric cache, data quality"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002_jobs"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _jobs()
    _runs()
    _reports()
    _cache()
    _quality()


def _jobs() -> None:
    """Jobs, and who schedules them."""
    op.create_table(
        "scheduled_jobs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("command", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("own_cron", sa.Text()),
        sa.Column("own_zone", sa.Text()),
        sa.Column("catch_up", sa.Text(), nullable=False),
        sa.Column("catch_up_limit", sa.Integer(), nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("backoff_seconds", sa.Integer(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("own_enabled", sa.Boolean()),
        sa.Column("is_declared", sa.Boolean(), nullable=False),
        sa.Column("decided_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text()),
        sa.Column("changed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("catch_up IN ('skip', 'once', 'all')", name=op.f("ck_scheduled_jobs_catch_up")),
        sa.CheckConstraint("backoff_seconds >= 0", name=op.f("ck_scheduled_jobs_backoff")),
        sa.CheckConstraint("cardinality(command) > 0", name=op.f("ck_scheduled_jobs_command")),
        sa.CheckConstraint(
            "catch_up_limit > 0 AND timeout_seconds > 0 AND attempts > 0", name=op.f("ck_scheduled_jobs_bounds")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scheduled_jobs")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _runs() -> None:
    """Runs of jobs."""
    op.create_table(
        "job_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("alive_until", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("output", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("asked_by", sa.Text()),
        sa.CheckConstraint("(state = 'running') = (alive_until IS NOT NULL)", name=op.f("ck_job_runs_alive")),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'skipped')", name=op.f("ck_job_runs_state")
        ),
        sa.ForeignKeyConstraint(
            ["job"], ["scheduled_jobs.name"], name=op.f("fk_job_runs_job_scheduled_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("job", "due_at", name=op.f("uq_job_runs_job")),
    )
    op.create_index(
        op.f("ix_job_runs_not_before"),
        "job_runs",
        ["not_before"],
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )


def _reports() -> None:
    """Reports and their making."""
    op.create_table(
        "report_configs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", JSONB(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("delivery", JSONB(), nullable=False),
        sa.Column("job", sa.Text()),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "format IN ('html', 'pdf', 'csv', 'xlsx', 'json', 'ndjson', 'parquet')",
            name=op.f("ck_report_configs_format"),
        ),
        sa.ForeignKeyConstraint(
            ["job"], ["scheduled_jobs.name"], name=op.f("fk_report_configs_job_scheduled_jobs"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_configs")),
        sa.UniqueConstraint("name", name=op.f("uq_report_configs_name")),
    )
    op.create_table(
        "report_executions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("report", sa.BigInteger()),
        sa.Column("run", sa.BigInteger()),
        sa.Column("asked", JSONB(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("progress", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("file", sa.Text()),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'expired')", name=op.f("ck_report_executions_state")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_report_executions_progress")),
        sa.ForeignKeyConstraint(
            ["report"],
            ["report_configs.id"],
            name=op.f("fk_report_executions_report_report_configs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run"], ["job_runs.id"], name=op.f("fk_report_executions_run_job_runs"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_executions")),
    )
    op.create_index(op.f("ix_report_executions_created_at"), "report_executions", ["created_at"])


def _cache() -> None:
    """Answers for the time when ClickHouse is away."""
    op.create_table(
        "metric_cache",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_metric_cache")),
    )
    op.create_index(op.f("ix_metric_cache_made_at"), "metric_cache", ["made_at"])


def _quality() -> None:
    """Rules that data must keep, and what their checks found."""
    op.create_table(
        "quality_definitions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("parameters", JSONB(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name=op.f("ck_quality_definitions_severity")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_quality_definitions")),
    )
    op.create_table(
        "quality_results",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("run", sa.BigInteger()),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("checked_rows", sa.BigInteger()),
        sa.Column("failing_rows", sa.BigInteger()),
        sa.Column("score", sa.Double()),
        sa.Column("examples", JSONB()),
        sa.Column("detail", sa.Text()),
        sa.CheckConstraint("state IN ('passed', 'failed', 'error')", name=op.f("ck_quality_results_state")),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_quality_results_score")),
        sa.ForeignKeyConstraint(
            ["definition"],
            ["quality_definitions.name"],
            name=op.f("fk_quality_results_definition_quality_definitions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run"], ["job_runs.id"], name=op.f("fk_quality_results_run_job_runs"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quality_results")),
    )
    op.create_index(op.f("ix_quality_results_definition"), "quality_results", ["definition", "checked_at"])
