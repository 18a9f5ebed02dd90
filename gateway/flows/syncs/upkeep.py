"""Upkeep of sync jobs: what is kept no longer, and ledgers of removed destinations."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway.store.db import chores
from gateway.store.syncs import agenda, ledger, refused, runs
from gateway.store.syncs.ledger import Scope

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool

CHORE: Final = "sync runs"
EVERY_SECONDS: Final = 60.0
LEASE_SECONDS: Final = 120.0
# As long as loads and their rejected rows (interface 5.8).
RUNS_KEPT: Final = datetime.timedelta(days=91)
REJECTED_KEPT: Final = datetime.timedelta(days=30)
RUNS_AT_ONCE: Final = 1000
ROWS_AT_ONCE: Final = 10_000


def tend(pool: Pool, *, now: datetime.datetime, every_seconds: float = EVERY_SECONDS) -> None:
    """Do what is due. Raises errors.Unavailable; what was done by then stays done."""
    while clear(pool, now=now):
        pass
    prune(pool, every_seconds=every_seconds)


def clear(pool: Pool, *, now: datetime.datetime) -> bool:
    """Forget some of a ledger of a removed destination; False if there is none."""
    with pool.begin() as conn:
        found = agenda.uncleared(conn)
        if found is None:
            return False
        job_id, cohort = found
        scope = Scope(cohort_id=cohort, job_id=job_id)
        if ledger.clear(conn, scope, limit=ROWS_AT_ONCE) < ROWS_AT_ONCE:
            agenda.clear(conn, job_id, now=now)
    return True


def prune(pool: Pool, *, every_seconds: float = EVERY_SECONDS) -> bool:
    """Delete the oldest runs and rejected rows, if that is due."""
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
        if claimed is None:
            return False
        before = claimed.begun_at - REJECTED_KEPT
        refused.forget(conn, runs.forget_rows(conn, before=before, limit=RUNS_AT_ONCE))
        runs.prune(conn, before=claimed.begun_at - RUNS_KEPT, limit=RUNS_AT_ONCE)
        chores.give_back(conn, CHORE, after=0)
    return True
