"""Sources get a name for people; until one is given, their slug is shown."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a text that may be missing; no row is rewritten."""
    migrate.lock(op.get_bind(), "sources")
    op.execute("ALTER TABLE sources ADD COLUMN name TEXT")
