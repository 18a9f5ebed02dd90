"""The first schema: sources, cohorts, the inbox, memberships and their changes."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE SEQUENCE event_order",
    """
    CREATE TABLE api_keys (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        name TEXT NOT NULL,
        hash BYTEA NOT NULL,
        scopes TEXT[] NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        revoked_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT api_keys_pkey PRIMARY KEY (id),
        CONSTRAINT api_keys_hash_key UNIQUE (hash)
    )
    """,
    """
    CREATE TABLE apply_state (
        cohort_id BIGINT NOT NULL,
        applied_through BIGINT DEFAULT 0 NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL,
        member_count BIGINT DEFAULT 0 NOT NULL,
        floor BIGINT DEFAULT 0 NOT NULL,
        last_change BIGINT DEFAULT 0 NOT NULL,
        oldest_change BIGINT DEFAULT 1 NOT NULL,
        entered BIGINT DEFAULT 0 NOT NULL,
        exited BIGINT DEFAULT 0 NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT apply_state_pkey PRIMARY KEY (cohort_id),
        CONSTRAINT apply_state_member_count_check CHECK (member_count >= 0)
    )
     WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE blocked_deliveries (
        cohort_id BIGINT NOT NULL,
        number BIGINT NOT NULL,
        attempts INTEGER NOT NULL,
        code TEXT NOT NULL,
        reason TEXT NOT NULL,
        blocked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        retry_requested_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT blocked_deliveries_pkey PRIMARY KEY (cohort_id, number)
    )
    """,
    """
    CREATE TABLE changes (
        cohort_id BIGINT NOT NULL,
        last_seq BIGINT NOT NULL,
        first_seq BIGINT NOT NULL,
        kind TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        session BIGINT,
        member_ids TEXT[] NOT NULL,
        CONSTRAINT changes_pkey PRIMARY KEY (cohort_id, last_seq)
    )
    """,
    "ALTER TABLE changes ALTER COLUMN member_ids SET STORAGE EXTERNAL",
    """
    CREATE TABLE deliveries (
        cohort_id BIGINT NOT NULL,
        number BIGINT NOT NULL,
        session BIGINT NOT NULL,
        action TEXT NOT NULL,
        page BIGINT NOT NULL,
        total_pages BIGINT NOT NULL,
        digest BYTEA NOT NULL,
        members INTEGER NOT NULL,
        roster BYTEA NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        request_id TEXT,
        CONSTRAINT deliveries_pkey PRIMARY KEY (cohort_id, number)
    )
    """,
    """
    CREATE UNIQUE INDEX deliveries_identity_key
    ON deliveries (cohort_id, session, action, page, digest)
    """,
    "ALTER TABLE deliveries ALTER COLUMN roster SET STORAGE EXTERNAL",
    """
    CREATE TABLE erasures (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        erased_order BIGINT NOT NULL,
        source_id BIGINT,
        project_id TEXT,
        member_digest BYTEA NOT NULL,
        erased_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT erasures_pkey PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX erasures_erased_order_idx ON erasures (erased_order)",
    "CREATE INDEX erasures_member_digest_idx ON erasures (member_digest)",
    """
    CREATE TABLE intake_state (
        cohort_id BIGINT NOT NULL,
        closed BOOLEAN DEFAULT false NOT NULL,
        last_delivery BIGINT DEFAULT 0 NOT NULL,
        last_session BIGINT DEFAULT 0 NOT NULL,
        run_session BIGINT DEFAULT 0 NOT NULL,
        run_action TEXT DEFAULT '' NOT NULL,
        run_from BIGINT DEFAULT 1 NOT NULL,
        refresh_session BIGINT DEFAULT 0 NOT NULL,
        last_synced_at TIMESTAMP WITH TIME ZONE,
        accepted_pages BIGINT DEFAULT 0 NOT NULL,
        accepted_members BIGINT DEFAULT 0 NOT NULL,
        duplicate_pages BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT intake_state_pkey PRIMARY KEY (cohort_id)
    )
     WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE memberships (
        cohort_id BIGINT NOT NULL,
        member_id TEXT COLLATE "C" NOT NULL,
        session BIGINT NOT NULL,
        entered_at TIMESTAMP WITH TIME ZONE,
        distinct_id TEXT,
        email TEXT,
        first_name TEXT,
        last_name TEXT,
        phone TEXT,
        properties JSONB,
        CONSTRAINT memberships_pkey PRIMARY KEY (cohort_id, member_id)
    )
    """,
    """
    CREATE TABLE chores (
        name TEXT NOT NULL,
        begun_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT chores_pkey PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE rate_windows (
        source_id BIGINT NOT NULL,
        second BIGINT NOT NULL,
        requests BIGINT NOT NULL,
        CONSTRAINT rate_windows_pkey PRIMARY KEY (source_id)
    )
     WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE sessions (
        cohort_id BIGINT NOT NULL,
        number BIGINT NOT NULL,
        session_id TEXT,
        session_key BYTEA,
        started_order BIGINT NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        forgotten BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT sessions_pkey PRIMARY KEY (cohort_id, number)
    )
    """,
    """
    CREATE UNIQUE INDEX sessions_cohort_id_session_key_key
    ON sessions (cohort_id, session_key) WHERE NOT forgotten
    """,
    "CREATE INDEX sessions_session_key_idx ON sessions (session_key)",
    """
    CREATE TABLE skips (
        cohort_id BIGINT NOT NULL,
        reason TEXT NOT NULL,
        members BIGINT NOT NULL,
        CONSTRAINT skips_pkey PRIMARY KEY (cohort_id, reason)
    )
    """,
    """
    CREATE TABLE sources (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        slug TEXT NOT NULL,
        identity_property TEXT,
        project_ids TEXT[] DEFAULT '{}' NOT NULL,
        auth_required BOOLEAN DEFAULT true NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        paused_at TIMESTAMP WITH TIME ZONE,
        removed_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT sources_pkey PRIMARY KEY (id)
    )
    """,
    "CREATE UNIQUE INDEX sources_slug_key ON sources (slug) WHERE removed_at IS NULL",
    """
    CREATE TABLE sync_results (
        cohort_id BIGINT NOT NULL,
        session BIGINT NOT NULL,
        action TEXT NOT NULL,
        total_pages BIGINT NOT NULL,
        pages INT8MULTIRANGE NOT NULL,
        entered BIGINT DEFAULT 0 NOT NULL,
        exited BIGINT DEFAULT 0 NOT NULL,
        state TEXT NOT NULL,
        completed_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT sync_results_pkey PRIMARY KEY (cohort_id, session, action)
    )
    """,
    """
    CREATE TABLE syncs (
        cohort_id BIGINT NOT NULL,
        session BIGINT NOT NULL,
        action TEXT NOT NULL,
        total_pages BIGINT NOT NULL,
        pages INT8MULTIRANGE NOT NULL,
        members_received BIGINT NOT NULL,
        skipped JSONB DEFAULT '{}' NOT NULL,
        duplicates BIGINT DEFAULT 0 NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT syncs_pkey PRIMARY KEY (cohort_id, session, action)
    )
    """,
    """
    CREATE TABLE worker_meters (
        worker TEXT NOT NULL,
        meter TEXT NOT NULL,
        value DOUBLE PRECISION NOT NULL,
        CONSTRAINT worker_meters_pkey PRIMARY KEY (worker, meter)
    )
    """,
    """
    CREATE TABLE workers (
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        beat_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT workers_pkey PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE cohorts (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        source_id BIGINT NOT NULL,
        project_id TEXT NOT NULL,
        external_id TEXT NOT NULL,
        key BYTEA NOT NULL,
        name TEXT NOT NULL,
        description TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT cohorts_pkey PRIMARY KEY (id),
        CONSTRAINT cohorts_source_id_fkey FOREIGN KEY(source_id) REFERENCES sources (id)
    )
    """,
    "CREATE UNIQUE INDEX cohorts_source_id_key_key ON cohorts (source_id, key)",
    """
    CREATE TABLE source_credentials (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        source_id BIGINT NOT NULL,
        username TEXT NOT NULL,
        salt BYTEA NOT NULL,
        hash BYTEA NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT source_credentials_pkey PRIMARY KEY (id),
        CONSTRAINT source_credentials_source_id_fkey FOREIGN KEY(source_id) REFERENCES sources (id)
    )
    """,
    "CREATE INDEX source_credentials_source_id_idx ON source_credentials (source_id)",
)


def upgrade() -> None:
    """Create everything, one statement per execute."""
    for statement in STATEMENTS:
        op.execute(statement)
