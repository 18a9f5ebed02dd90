"""Cohorts have definitions, and rules among these are evaluated again and again."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make empty tables: no cohort has a definition yet."""
    op.execute("""
        CREATE TABLE cohort_definitions (
            cohort_id BIGINT NOT NULL,
            number BIGINT NOT NULL,
            by TEXT,
            at TIMESTAMP WITH TIME ZONE NOT NULL,
            definition JSONB NOT NULL,
            cohorts_named BIGINT[] NOT NULL,
            is_latest BOOLEAN NOT NULL,
            CONSTRAINT cohort_definitions_pkey PRIMARY KEY (cohort_id, number)
        )
    """)
    op.execute("""
        CREATE TABLE rule_states (
            cohort_id BIGINT NOT NULL,
            number BIGINT DEFAULT 0 NOT NULL,
            looked_at TIMESTAMP WITH TIME ZONE,
            whole_at TIMESTAMP WITH TIME ZONE,
            arrival BIGINT DEFAULT 0 NOT NULL,
            seqs JSONB DEFAULT '{}' NOT NULL,
            tried BIGINT DEFAULT 0 NOT NULL,
            load BIGINT,
            load_at TIMESTAMP WITH TIME ZONE,
            load_arrival BIGINT,
            load_seqs JSONB,
            drift BIGINT DEFAULT 0 NOT NULL,
            error_code TEXT,
            CONSTRAINT rule_states_pkey PRIMARY KEY (cohort_id)
        )
    """)
