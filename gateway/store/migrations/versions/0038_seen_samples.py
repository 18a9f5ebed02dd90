"""What is seen of large names of events, and of many people, is sampled by the hour."""

from __future__ import annotations

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an empty table."""
    op.execute("""
        CREATE TABLE seen_samples (
            source_id BIGINT NOT NULL,
            event TEXT COLLATE "C" NOT NULL,
            seen JSONB NOT NULL,
            sampled_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT seen_samples_pkey PRIMARY KEY (source_id, event)
        )
    """)
