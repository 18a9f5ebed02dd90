"""The audit log tells what was changed, by which key, and from where."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an empty table."""
    op.execute("""
        CREATE TABLE audit_log (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            at TIMESTAMP WITH TIME ZONE NOT NULL,
            by TEXT,
            via TEXT NOT NULL,
            action TEXT NOT NULL,
            thing TEXT NOT NULL,
            details JSONB NOT NULL,
            CONSTRAINT audit_log_pkey PRIMARY KEY (id)
        )
    """)
