"""Deliveries remember the trace they came in, so that applying them can be linked to it."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that stays null without tracing; no row is rewritten."""
    migrate.lock(op.get_bind(), "deliveries")
    op.execute("ALTER TABLE deliveries ADD COLUMN traceparent TEXT")
