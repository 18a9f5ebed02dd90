"""Loads: sessions that become visible as a whole, and the delivery that stands for one."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a table, and a column that is null for what was delivered before."""
    op.execute("""
        CREATE TABLE loads (
            cohort_id BIGINT NOT NULL,
            number BIGINT NOT NULL,
            mode TEXT NOT NULL,
            state TEXT NOT NULL,
            session BIGINT NOT NULL,
            epoch BIGINT NOT NULL,
            pages BIGINT DEFAULT 0 NOT NULL,
            members BIGINT DEFAULT 0 NOT NULL,
            received BIGINT DEFAULT 0 NOT NULL,
            skipped JSONB DEFAULT '{}' NOT NULL,
            begun_at TIMESTAMP WITH TIME ZONE NOT NULL,
            ended_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT loads_pkey PRIMARY KEY (cohort_id, number)
        )
    """)
    migrate.lock(op.get_bind(), "deliveries")
    op.execute("ALTER TABLE deliveries ADD COLUMN load BIGINT")
