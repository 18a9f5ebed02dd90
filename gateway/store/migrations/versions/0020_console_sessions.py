"""A session of the console is a row, so it ends everywhere at once."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an empty table; a session knows its key by the id, which no key leaves to another."""
    op.execute("""
        CREATE TABLE console_sessions (
            hash BYTEA NOT NULL,
            key_id BIGINT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            used_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT console_sessions_pkey PRIMARY KEY (hash)
        )
    """)
