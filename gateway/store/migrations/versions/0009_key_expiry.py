"""API keys may expire."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a moment that no key has yet; no row is rewritten."""
    migrate.lock(op.get_bind(), "api_keys")
    op.execute("ALTER TABLE api_keys ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE")
