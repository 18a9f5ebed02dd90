"""Cohorts get schedules."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add empty columns: no cohort has a schedule yet."""
    migrate.lock(op.get_bind(), "cohorts")
    op.execute("""
        ALTER TABLE cohorts
            ADD COLUMN schedule JSONB,
            ADD COLUMN scheduled_at TIMESTAMP WITH TIME ZONE,
            ADD COLUMN planned_at TIMESTAMP WITH TIME ZONE,
            ADD COLUMN due_at TIMESTAMP WITH TIME ZONE,
            ADD COLUMN failures INTEGER DEFAULT 0 NOT NULL,
            ADD COLUMN fresh_until TIMESTAMP WITH TIME ZONE
    """)
    op.execute("CREATE INDEX cohorts_due_at_idx ON cohorts (due_at) WHERE due_at IS NOT NULL")
