"""Erasures remember how far they have come through the history."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a table; erasures of before were through when they were answered."""
    op.execute("""
        CREATE TABLE redactions (
            erased_order BIGINT NOT NULL,
            member_id TEXT NOT NULL,
            source_id BIGINT,
            project_id TEXT,
            after_cohort BIGINT DEFAULT 0 NOT NULL,
            CONSTRAINT redactions_pkey PRIMARY KEY (erased_order)
        )
    """)
