"""Loads have receipts and wait in a queue; files are kept until they are read."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_RECEIPT = """
    ALTER TABLE loads
        ADD COLUMN trigger TEXT DEFAULT 'request' NOT NULL,
        ADD COLUMN review BOOLEAN DEFAULT false NOT NULL,
        ADD COLUMN bare BOOLEAN DEFAULT false NOT NULL,
        ADD COLUMN duplicates BIGINT DEFAULT 0 NOT NULL,
        ADD COLUMN warnings JSONB DEFAULT '{}' NOT NULL,
        ADD COLUMN progress FLOAT,
        ADD COLUMN would_enter BIGINT,
        ADD COLUMN would_exit BIGINT,
        ADD COLUMN approval TEXT,
        ADD COLUMN shrink_waived BOOLEAN DEFAULT false NOT NULL,
        ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN entered BIGINT,
        ADD COLUMN exited BIGINT,
        ADD COLUMN last_seq BIGINT,
        ADD COLUMN error_code TEXT,
        ADD COLUMN error_message TEXT,
        ADD COLUMN error_hint TEXT,
        ADD COLUMN options JSONB DEFAULT '{}' NOT NULL,
        ADD COLUMN upload TEXT,
        ADD COLUMN file JSONB,
        ADD COLUMN requested_by TEXT,
        ADD COLUMN definition_number BIGINT,
        ADD COLUMN queued_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN started_at TIMESTAMP WITH TIME ZONE
"""

_TABLES = (
    """
    CREATE TABLE load_rows (
        cohort_id BIGINT NOT NULL,
        load BIGINT NOT NULL,
        page BIGINT NOT NULL,
        rows BYTEA NOT NULL,
        clean_through BIGINT NOT NULL,
        stored_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT load_rows_pkey PRIMARY KEY (cohort_id, load, page)
    )
    """,
    "ALTER TABLE load_rows ALTER COLUMN rows SET STORAGE EXTERNAL",
    """
    CREATE TABLE load_mappings (
        cohort_id BIGINT NOT NULL,
        columns BYTEA NOT NULL,
        mapping JSONB NOT NULL,
        applied_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT load_mappings_pkey PRIMARY KEY (cohort_id, columns)
    )
    """,
    """
    CREATE TABLE uploads (
        id TEXT NOT NULL,
        name TEXT,
        bytes BIGINT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        load_cohort BIGINT,
        load_number BIGINT,
        CONSTRAINT uploads_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE upload_parts (
        upload TEXT NOT NULL,
        number INTEGER NOT NULL,
        bytes BIGINT NOT NULL,
        CONSTRAINT upload_parts_pkey PRIMARY KEY (upload, number)
    )
    """,
    """
    CREATE TABLE upload_pieces (
        upload TEXT NOT NULL,
        part INTEGER NOT NULL,
        number INTEGER NOT NULL,
        data BYTEA NOT NULL,
        CONSTRAINT upload_pieces_pkey PRIMARY KEY (upload, part, number)
    )
    """,
    "ALTER TABLE upload_pieces ALTER COLUMN data SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    """Add columns with constant defaults, which rewrites nothing, and make empty tables."""
    migrate.lock(op.get_bind(), "loads")
    op.execute(_RECEIPT)
    migrate.lock(op.get_bind(), "intake_state")
    op.execute("ALTER TABLE intake_state ADD COLUMN last_load BIGINT")
    op.execute("CREATE INDEX loads_number_idx ON loads (number)")
    for table in _TABLES:
        op.execute(table)
