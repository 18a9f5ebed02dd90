"""Troubles are told to people, in channels that cohorts, sources and sync jobs may name."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add empty columns and tables: what is wrong already is told at the first look."""
    for table in ("sync_jobs", "sources", "cohorts"):
        migrate.lock(op.get_bind(), table)
    op.execute("ALTER TABLE cohorts ADD COLUMN notify TEXT[]")
    op.execute("ALTER TABLE sources ADD COLUMN notify TEXT[]")
    op.execute("ALTER TABLE sync_jobs ADD COLUMN notify TEXT[]")
    op.execute("""
        CREATE TABLE troubles (
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            line TEXT NOT NULL,
            channels TEXT[] NOT NULL,
            began_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT troubles_pkey PRIMARY KEY (kind, subject)
        )
    """)
    op.execute("""
        CREATE TABLE notices (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            channel TEXT NOT NULL,
            body TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            attempts INTEGER DEFAULT 0 NOT NULL,
            next_at TIMESTAMP WITH TIME ZONE NOT NULL,
            outcome TEXT,
            ended_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT notices_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("CREATE INDEX notices_waiting_idx ON notices (channel, id) WHERE outcome IS NULL")
