"""Cohorts get versions, from which answers have their tags."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two numbers that begin at 0; no row is rewritten."""
    migrate.lock(op.get_bind(), "apply_state")
    op.execute("ALTER TABLE apply_state ADD COLUMN version BIGINT DEFAULT 0 NOT NULL")
    op.execute("ALTER TABLE apply_state ADD COLUMN sync_version BIGINT DEFAULT 0 NOT NULL")
