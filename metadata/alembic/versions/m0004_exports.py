"""Exports that are made as jobs"""

import sqlalchemy as sa
from alembic import op

revision = "0004_exports"
down_revision = "0003_audit"
branch_labels = None
depends_on = None

STATES = "state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'expired')"


def upgrade() -> None:
    """Let an execution be tried again, cancelled, and say how far it is."""
    op.add_column("report_executions", sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("report_executions", sa.Column("expected", sa.BigInteger()))
    op.add_column("report_executions", sa.Column("record", sa.BigInteger()))
    op.drop_constraint(op.f("ck_report_executions_state"), "report_executions", type_="check")
    op.create_check_constraint(op.f("ck_report_executions_state"), "report_executions", STATES)
