"""Operators have indexes built on properties of events."""

from __future__ import annotations

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an empty table."""
    op.execute("""
        CREATE TABLE event_indexes (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            source_id BIGINT NOT NULL,
            name TEXT COLLATE "C" NOT NULL,
            path TEXT[] NOT NULL,
            state TEXT NOT NULL,
            error TEXT,
            requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
            ready_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT event_indexes_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX event_indexes_property_idx ON event_indexes (source_id, name, path)
    """)
