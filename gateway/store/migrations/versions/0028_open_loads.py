"""Loads that are not over are found by an index: monitors and the scheduler look for them."""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a small index."""
    op.execute("""
        CREATE INDEX loads_state_idx ON loads (state)
        WHERE state IN ('queued', 'reading', 'needs_approval', 'applying')
    """)
