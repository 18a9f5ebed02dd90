"""Actions on members are recorded once."""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an empty table."""
    op.execute("""
        CREATE TABLE actions (
            source_id BIGINT NOT NULL,
            member_id TEXT COLLATE "C" NOT NULL,
            action TEXT COLLATE "C" NOT NULL,
            key TEXT COLLATE "C" NOT NULL,
            claim TEXT,
            cohort BIGINT,
            at TIMESTAMP WITH TIME ZONE NOT NULL,
            properties JSONB NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT actions_pkey PRIMARY KEY (source_id, member_id, action, key)
        )
    """)
    op.execute("CREATE INDEX actions_recorded_at_idx ON actions (recorded_at)")
