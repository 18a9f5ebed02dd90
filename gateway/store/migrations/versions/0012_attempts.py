"""Attempts at applying are counted before the work, in a table of their own."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a table that gets its rows as pages are applied."""
    op.execute("""
        CREATE TABLE attempts (
            cohort_id BIGINT NOT NULL,
            worker TEXT,
            through BIGINT NOT NULL,
            lost INTEGER NOT NULL,
            alone_through BIGINT NOT NULL,
            CONSTRAINT attempts_pkey PRIMARY KEY (cohort_id)
        )
    """)
