"""Loads evaluate rules, and say themselves what they have seen."""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop what was noted of evaluations under way: a rule that was in one keeps its members."""
    migrate.lock(op.get_bind(), "rule_states")
    op.execute("""
        ALTER TABLE rule_states
            DROP COLUMN tried, DROP COLUMN load_at, DROP COLUMN load_arrival, DROP COLUMN load_seqs
    """)
