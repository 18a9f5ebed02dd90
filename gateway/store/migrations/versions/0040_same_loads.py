"""A load that was found to change nothing says at which version of its cohort that was."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an empty column."""
    migrate.lock(op.get_bind(), "loads")
    op.execute("ALTER TABLE loads ADD COLUMN same_at BIGINT")
