"""Positions in changes belong to an epoch, which ends when a database is restored."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a table of one row."""
    op.execute("""
        CREATE TABLE epochs (
            epoch TEXT NOT NULL,
            CONSTRAINT epochs_pkey PRIMARY KEY (epoch)
        )
    """)
    op.execute("INSERT INTO epochs (epoch) SELECT CAST(gen_random_uuid() AS text)")
