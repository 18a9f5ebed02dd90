"""Destinations are where members of cohorts are sent."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make two empty tables."""
    op.execute("""
        CREATE TABLE destinations (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            slug TEXT NOT NULL,
            kind TEXT NOT NULL,
            name TEXT,
            config JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            paused_at TIMESTAMP WITH TIME ZONE,
            removed_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT destinations_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX destinations_slug_key ON destinations (slug) WHERE removed_at IS NULL
    """)
    op.execute("""
        CREATE TABLE destination_secrets (
            destination_id BIGINT NOT NULL,
            name TEXT NOT NULL,
            ciphertext BYTEA NOT NULL,
            set_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT destination_secrets_pkey PRIMARY KEY (destination_id, name),
            CONSTRAINT destination_secrets_destination_id_fkey
                FOREIGN KEY (destination_id) REFERENCES destinations (id)
        )
    """)
