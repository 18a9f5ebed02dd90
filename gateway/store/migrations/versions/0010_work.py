"""Processes tell whether they can work, and periodic work remembers how far it has come."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that begin without a value; no row is rewritten."""
    op.execute("ALTER TABLE workers ADD COLUMN worked_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE workers ADD COLUMN trouble TEXT")
    op.execute("ALTER TABLE chores ADD COLUMN after BIGINT DEFAULT 0 NOT NULL")
    op.execute("ALTER TABLE chores ADD COLUMN leased_until TIMESTAMP WITH TIME ZONE")
