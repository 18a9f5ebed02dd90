"""Sources get a kind with its config, encrypted secrets, and how often they are expected."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all sources Mixpanel's, which is expected every half-hour.

    The columns that `config` takes over stay for one version: processes of the version before read
    and write them until they are replaced.
    """
    migrate.lock(op.get_bind(), "sources")
    op.execute("ALTER TABLE sources ADD COLUMN kind TEXT DEFAULT 'mixpanel' NOT NULL")
    op.execute("ALTER TABLE sources ADD COLUMN config JSONB DEFAULT '{}' NOT NULL")
    op.execute("ALTER TABLE sources ADD COLUMN expected_every_seconds INTEGER DEFAULT 1800")
    op.execute("""
        UPDATE sources
        SET config = jsonb_build_object(
            'identity_property', identity_property, 'project_ids', to_jsonb(project_ids),
            'auth_required', auth_required)
    """)
    op.execute("""
        CREATE TABLE source_secrets (
            source_id BIGINT NOT NULL,
            name TEXT NOT NULL,
            ciphertext BYTEA NOT NULL,
            set_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT source_secrets_pkey PRIMARY KEY (source_id, name),
            CONSTRAINT source_secrets_source_id_fkey
                FOREIGN KEY (source_id) REFERENCES sources (id)
        )
    """)
