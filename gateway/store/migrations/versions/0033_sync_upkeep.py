"""Sync jobs keep to their plan, prolong memberships, and forget what is over.

Whether a row of a ledger was sent lately is not known of those there are: they are sent once more
where membership expires.
"""

from __future__ import annotations

from alembic import op

from gateway.store.db import migrate

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


_JOBS = """
    ALTER TABLE sync_jobs
        ADD COLUMN plan_from TIMESTAMP WITH TIME ZONE,
        ADD COLUMN erase_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN cleared_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN named_apart BOOLEAN DEFAULT false NOT NULL
"""

_PLAN_FROM = "UPDATE sync_jobs SET plan_from = planned_at"

_RUNS = """
    ALTER TABLE sync_runs
        ADD COLUMN retrying_since TIMESTAMP WITH TIME ZONE,
        ADD COLUMN rows_forgotten BOOLEAN DEFAULT false NOT NULL
"""

_LEDGER = "ALTER TABLE sync_ledger ADD COLUMN sent_on DATE"


def upgrade() -> None:
    """Add columns; every job goes on from the time it was planned for."""
    for table in ("sync_jobs", "sync_runs", "sync_ledger"):
        migrate.lock(op.get_bind(), table)
    for statement in (_JOBS, _PLAN_FROM, _RUNS, _LEDGER):
        op.execute(statement)
