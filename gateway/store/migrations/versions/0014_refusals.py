"""Refused pages leave a trace: a few rows for each source."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a table; what was refused before is not known."""
    op.execute("""
        CREATE TABLE refusals (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            source_id BIGINT NOT NULL,
            key BYTEA NOT NULL,
            cohort_key BYTEA,
            project_id TEXT,
            external_id TEXT,
            status INTEGER NOT NULL,
            message TEXT NOT NULL,
            signed BOOLEAN NOT NULL,
            first_at TIMESTAMP WITH TIME ZONE NOT NULL,
            last_at TIMESTAMP WITH TIME ZONE NOT NULL,
            count BIGINT NOT NULL,
            resolved_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT refusals_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("CREATE UNIQUE INDEX refusals_source_id_key_key ON refusals (source_id, key)")
