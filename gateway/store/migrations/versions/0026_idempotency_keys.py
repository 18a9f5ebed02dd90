"""Edits that were sent with an Idempotency-Key are remembered."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an empty table."""
    op.execute("""
        CREATE TABLE idempotency_keys (
            cohort_id BIGINT NOT NULL,
            key BYTEA NOT NULL,
            digest BYTEA NOT NULL,
            session BIGINT NOT NULL,
            at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT idempotency_keys_pkey PRIMARY KEY (cohort_id, key)
        )
    """)
