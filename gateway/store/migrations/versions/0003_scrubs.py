"""Erasures remember how far they have come through the kept pages."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a table; erasures of before were through when they were answered."""
    op.execute("""
        CREATE TABLE scrubs (
            erased_order BIGINT NOT NULL,
            after_cohort BIGINT DEFAULT 0 NOT NULL,
            after_number BIGINT DEFAULT 0 NOT NULL,
            CONSTRAINT scrubs_pkey PRIMARY KEY (erased_order)
        )
    """)
