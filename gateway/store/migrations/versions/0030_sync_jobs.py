"""Sync jobs keep destinations like cohorts: jobs, their runs, ledgers and rejected rows."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


_SYNC_JOBS = """
    CREATE TABLE sync_jobs (
        id INTEGER GENERATED ALWAYS AS IDENTITY,
        cohort BIGINT NOT NULL,
        destination_id BIGINT NOT NULL,
        mode TEXT NOT NULL,
        frequency TEXT NOT NULL,
        mapping JSONB NOT NULL,
        suppress BIGINT[] NOT NULL,
        consent JSONB,
        options JSONB NOT NULL,
        state TEXT NOT NULL,
        asked TEXT DEFAULT '' NOT NULL,
        planned_at TIMESTAMP WITH TIME ZONE,
        failures INTEGER DEFAULT 0 NOT NULL,
        error_code TEXT,
        error_message TEXT,
        error_at TIMESTAMP WITH TIME ZONE,
        last_ok_at TIMESTAMP WITH TIME ZONE,
        audience TEXT DEFAULT '' NOT NULL,
        audience_name TEXT,
        creating_at TIMESTAMP WITH TIME ZONE,
        synced_version BIGINT,
        delivered BIGINT DEFAULT 0 NOT NULL,
        under_way BIGINT,
        first_seq BIGINT,
        first_after TEXT COLLATE "C",
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT sync_jobs_pkey PRIMARY KEY (id)
    )
"""

_SYNC_JOBS_COHORT_DESTINATION_KEY = """
    CREATE UNIQUE INDEX sync_jobs_cohort_destination_key
    ON sync_jobs (cohort, destination_id)
    WHERE deleted_at IS NULL AND state <> 'done'
"""

_SYNC_RUNS = """
    CREATE TABLE sync_runs (
        job_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        trigger TEXT NOT NULL,
        state TEXT NOT NULL,
        approved BOOLEAN DEFAULT false NOT NULL,
        would_add BIGINT,
        would_remove BIGINT,
        added BIGINT DEFAULT 0 NOT NULL,
        removed BIGINT DEFAULT 0 NOT NULL,
        unconfirmed BIGINT DEFAULT 0 NOT NULL,
        requests BIGINT DEFAULT 0 NOT NULL,
        retries BIGINT DEFAULT 0 NOT NULL,
        skipped JSONB DEFAULT '{}' NOT NULL,
        rejected JSONB DEFAULT '{}' NOT NULL,
        receipts JSONB DEFAULT '[]' NOT NULL,
        error_code TEXT,
        error_message TEXT,
        queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT sync_runs_pkey PRIMARY KEY (job_id, number)
    )
"""

_SYNC_LEDGER = """
    CREATE TABLE sync_ledger (
        cohort_id BIGINT NOT NULL,
        job_id INTEGER NOT NULL,
        member_id TEXT COLLATE "C" NOT NULL,
        part SMALLINT NOT NULL,
        state SMALLINT NOT NULL,
        source BIGINT NOT NULL,
        sent TEXT NOT NULL,
        CONSTRAINT sync_ledger_pkey PRIMARY KEY (cohort_id, job_id, member_id, part)
    )
"""

_SYNC_REJECTIONS = """
    CREATE TABLE sync_rejections (
        cohort_id BIGINT NOT NULL,
        job_id INTEGER NOT NULL,
        run INTEGER NOT NULL,
        member_id TEXT COLLATE "C" NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        CONSTRAINT sync_rejections_pkey PRIMARY KEY (cohort_id, job_id, run, member_id)
    )
"""

_SYNC_ERASURES = """
    CREATE TABLE sync_erasures (
        cohort_id BIGINT NOT NULL,
        job_id INTEGER NOT NULL,
        member_id TEXT COLLATE "C" NOT NULL,
        asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT sync_erasures_pkey PRIMARY KEY (cohort_id, job_id, member_id)
    )
"""


def upgrade() -> None:
    """Make five empty tables."""
    for statement in (
        _SYNC_JOBS,
        _SYNC_JOBS_COHORT_DESTINATION_KEY,
        _SYNC_RUNS,
        _SYNC_LEDGER,
        _SYNC_REJECTIONS,
        _SYNC_ERASURES,
    ):
        op.execute(statement)
