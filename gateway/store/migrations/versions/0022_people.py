"""People and events, and keys that may only post to one source."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make empty tables; months of events are made when there are events of them."""
    migrate.lock(op.get_bind(), "api_keys")
    op.execute("ALTER TABLE api_keys ADD COLUMN source TEXT")
    op.execute("CREATE SEQUENCE arrivals")
    _people()
    _events()
    _beside()


def _people() -> None:
    op.execute("""
        CREATE TABLE people (
            source_id BIGINT NOT NULL,
            person_id TEXT COLLATE "C" NOT NULL,
            traits JSONB DEFAULT '{}' NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            changed BIGINT NOT NULL,
            CONSTRAINT people_pkey PRIMARY KEY (source_id, person_id)
        )
    """)
    op.execute("CREATE INDEX people_changed_idx ON people (source_id, changed)")
    op.execute("""
        CREATE TABLE person_erasures (
            source_id BIGINT NOT NULL,
            person_digest BYTEA NOT NULL,
            erased_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT person_erasures_pkey PRIMARY KEY (source_id, person_digest)
        )
    """)


def _events() -> None:
    op.execute("""
        CREATE TABLE events (
            source_id BIGINT NOT NULL,
            person_id TEXT COLLATE "C" NOT NULL,
            time TIMESTAMP WITH TIME ZONE NOT NULL,
            id BIGINT NOT NULL,
            name TEXT COLLATE "C" NOT NULL,
            event_id TEXT COLLATE "C",
            received_at TIMESTAMP WITH TIME ZONE NOT NULL,
            properties JSONB NOT NULL,
            CONSTRAINT events_pkey PRIMARY KEY (source_id, person_id, time, id)
        ) PARTITION BY RANGE (time)
    """)
    op.execute("CREATE INDEX events_name_idx ON events (source_id, name, time, person_id)")
    op.execute("CREATE INDEX events_id_idx ON events (source_id, id)")
    op.execute("""
        CREATE TABLE event_ids (
            source_id BIGINT NOT NULL,
            event_id TEXT COLLATE "C" NOT NULL,
            received_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT event_ids_pkey PRIMARY KEY (source_id, event_id)
        )
    """)
    op.execute("CREATE INDEX event_ids_received_at_idx ON event_ids USING brin (received_at)")


def _beside() -> None:
    op.execute("""
        CREATE TABLE rejected_events (
            source_id BIGINT NOT NULL,
            person_id TEXT COLLATE "C" NOT NULL,
            id BIGINT NOT NULL,
            event TEXT,
            code TEXT NOT NULL,
            message TEXT NOT NULL,
            received_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT rejected_events_pkey PRIMARY KEY (source_id, person_id, id)
        )
    """)
    op.execute("CREATE INDEX rejected_events_id_idx ON rejected_events (source_id, id)")
    op.execute("""
        CREATE TABLE event_days (
            source_id BIGINT NOT NULL,
            name TEXT COLLATE "C" NOT NULL,
            day DATE NOT NULL,
            events BIGINT NOT NULL
        )
    """)
    op.execute("CREATE INDEX event_days_name_idx ON event_days (source_id, name, day)")
    op.execute("""
        CREATE TABLE event_deletions (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            source_id BIGINT NOT NULL,
            name TEXT,
            before TIMESTAMP WITH TIME ZONE,
            up_to BIGINT NOT NULL,
            requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT event_deletions_pkey PRIMARY KEY (id)
        )
    """)
