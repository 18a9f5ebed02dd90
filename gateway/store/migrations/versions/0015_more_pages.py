"""Syncs count the pages with large numbers, which made their multiranges grow without bound."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add counts that begin at 0; the ranges kept so far stay, and no row is rewritten."""
    migrate.lock(op.get_bind(), "syncs")
    op.execute("ALTER TABLE syncs ADD COLUMN more_pages BIGINT DEFAULT 0 NOT NULL")
    migrate.lock(op.get_bind(), "sync_results")
    op.execute("ALTER TABLE sync_results ADD COLUMN more_pages BIGINT DEFAULT 0 NOT NULL")
