"""A cohort remembers since when its next delivery has been failing."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a time that may be missing; no row is rewritten."""
    migrate.lock(op.get_bind(), "apply_state")
    op.execute("ALTER TABLE apply_state ADD COLUMN failing_since TIMESTAMP WITH TIME ZONE")
