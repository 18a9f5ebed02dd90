"""What is under way of a sync job is noted by batch: a row of a ledger is written once.

When rows were sent, a batch says as well. Of those there are nothing is known any more: where
membership expires they are sent once more.
"""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an empty column and an empty table; a column of days goes."""
    migrate.lock(op.get_bind(), "sync_ledger")
    op.execute("ALTER TABLE sync_ledger ADD COLUMN batch BIGINT, DROP COLUMN sent_on")
    op.execute("""
        CREATE TABLE sync_batches (
            job_id INTEGER NOT NULL,
            batch BIGINT NOT NULL,
            CONSTRAINT sync_batches_pkey PRIMARY KEY (job_id, batch)
        )
    """)
