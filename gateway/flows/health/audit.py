"""The audit log as its readers see it, and how long it is kept."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway.flows.cohorts.parts import ListPage
from gateway.store.db import audit, chores

if TYPE_CHECKING:
    from gateway.store.db.audit import Entry
    from gateway.store.db.engine import Pool

CHORE: Final = "audit"
EVERY_SECONDS: Final = 3600.0
LEASE_SECONDS: Final = 120.0
# Interface console.7.
KEPT: Final = datetime.timedelta(days=400)
ROWS_AT_ONCE: Final = 10_000

NEWEST: Final = (2**63 - 1,)
"""Before which row to begin."""


def listing(pool: Pool, *, before: int, limit: int) -> ListPage[Entry, tuple[int]]:
    """List what was done, the newest first."""
    with pool.read() as conn:
        found = audit.listing(conn, before=before, limit=limit + 1)
    return ListPage.cut(found, limit, lambda entry: (entry.id,))


def prune(pool: Pool, *, every_seconds: float = EVERY_SECONDS) -> int:
    """Delete the oldest rows that are kept no longer, if that is due; returns how many."""
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
        if claimed is None:
            return 0
        pruned = audit.prune(conn, before=claimed.begun_at - KEPT, limit=ROWS_AT_ONCE)
        chores.give_back(conn, CHORE, after=0)
    return pruned
