"""Recorded actions wait in an outbox to be sent to Mixpanel."""

from __future__ import annotations

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make two empty tables."""
    op.execute("""
        CREATE TABLE action_outbox (
            source_id BIGINT NOT NULL,
            member_id TEXT COLLATE "C" NOT NULL,
            action TEXT COLLATE "C" NOT NULL,
            key TEXT COLLATE "C" NOT NULL,
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            rejected_at TIMESTAMP WITH TIME ZONE,
            message TEXT,
            CONSTRAINT action_outbox_pkey PRIMARY KEY (source_id, member_id, action, key)
        )
    """)
    op.execute("""
        CREATE INDEX action_outbox_waiting_idx ON action_outbox (source_id, id)
        WHERE rejected_at IS NULL
    """)
    op.execute("""
        CREATE INDEX action_outbox_rejected_idx ON action_outbox (source_id, id)
        WHERE rejected_at IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE action_imports (
            source_id BIGINT NOT NULL,
            state TEXT NOT NULL DEFAULT 'active',
            generation INTEGER NOT NULL DEFAULT 0,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_at TIMESTAMP WITH TIME ZONE,
            failing_since TIMESTAMP WITH TIME ZONE,
            error_code TEXT,
            error_message TEXT,
            error_at TIMESTAMP WITH TIME ZONE,
            sent BIGINT NOT NULL DEFAULT 0,
            rejected BIGINT NOT NULL DEFAULT 0,
            last_sent_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT action_imports_pkey PRIMARY KEY (source_id)
        )
    """)
