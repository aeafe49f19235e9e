"""The audit log"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003_audit"
down_revision = "0002_jobs"
branch_labels = None
depends_on = None

# A trigger and not rights: it holds whoever is connected, the owner of the table too, who could give himself any right.
REFUSE = """
    CREATE OR REPLACE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit_log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
    END $$
"""
ROWS = """
    CREATE TRIGGER audit_log_rows BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only()
"""
WHOLE = """
    CREATE TRIGGER audit_log_whole BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()
"""


def upgrade() -> None:
    """Create the table, and what keeps its rows as they are."""
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("parameters", JSONB(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("began", sa.BigInteger()),
        sa.CheckConstraint("outcome IN ('begun', 'done', 'failed', 'cancelled')", name=op.f("ck_audit_log_outcome")),
        sa.CheckConstraint("outcome <> 'begun' OR began IS NULL", name=op.f("ck_audit_log_began")),
        sa.ForeignKeyConstraint(["began"], ["audit_log.id"], name=op.f("fk_audit_log_began_audit_log")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("began", name=op.f("uq_audit_log_began")),
    )
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"])
    for statement in (REFUSE, ROWS, WHOLE):
        op.execute(statement)
    op.add_column("job_runs", sa.Column("record", sa.BigInteger()))
