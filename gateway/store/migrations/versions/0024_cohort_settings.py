"""Cohorts get a guard, and remember when a load or an edit of theirs was last applied."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add empty columns: all cohorts are Mixpanel's, which have no guard and no loads."""
    for table in ("cohorts", "apply_state"):
        migrate.lock(op.get_bind(), table)
    op.execute("ALTER TABLE cohorts ADD COLUMN guard JSONB")
    op.execute("ALTER TABLE apply_state ADD COLUMN applied_at TIMESTAMP WITH TIME ZONE")
