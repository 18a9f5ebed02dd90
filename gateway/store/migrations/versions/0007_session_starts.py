"""The starts of sessions get a table of their own, in place of an index over all cohorts."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Copy the first start of each session, while no other begins."""
    migrate.lock(op.get_bind(), "sessions")
    op.execute("""
        CREATE TABLE session_starts (
            session_key BYTEA NOT NULL,
            started_order BIGINT NOT NULL,
            CONSTRAINT session_starts_pkey PRIMARY KEY (session_key)
        )
    """)
    op.execute("""
        INSERT INTO session_starts (session_key, started_order)
        SELECT session_key, min(started_order) FROM sessions
        WHERE session_key IS NOT NULL GROUP BY session_key
    """)
    op.execute("DROP INDEX sessions_session_key_idx")
