"""Retention: what is older than the contract promises to keep goes, a little at a time."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.store.cohorts import apply_state, edits, hours, load_rows, loads, retention
from gateway.store.db import chores

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

    Prune = Callable[[Connection, int], int]

CHORE: Final = "retention"
EVERY_SECONDS: Final = 3600.0
# What one claim takes. A slice of a process that died is taken again when its lease has run out.
SLICE_SECONDS: Final = 5.0
LEASE_SECONDS: Final = 120.0
COHORTS_AT_ONCE: Final = 500

# Interface 1.3 promises 7 days for page digests and 90 for what decides between sessions.
INBOX_KEPT: Final = datetime.timedelta(days=8)
HISTORY_KEPT: Final = datetime.timedelta(days=91)
# Interface 5: rows of loads that a person may look at.
ROWS_KEPT: Final = datetime.timedelta(days=30)
# Interface 6: what is told of edits, and the keys that make a request be done once.
EDITS_KEPT: Final = datetime.timedelta(days=8)
# Interface 9: what is told of the looks at live rules.
LIVE_KEPT: Final = datetime.timedelta(hours=20)
KEYS_KEPT: Final = datetime.timedelta(days=7)
# A year of sizes and a month, so that this month compares with that of the year before.
HOURS_KEPT: Final = datetime.timedelta(days=400)

# Rows in one transaction. A page is some 30 kB, a row of changes holds up to 1,000.
PAGES_AT_ONCE: Final = 500
CHANGES_AT_ONCE: Final = 500

_log = structlog.get_logger()


def run(
    pool: Pool, *, every_seconds: float = EVERY_SECONDS, seconds: float = SLICE_SECONDS
) -> bool:
    """Prune the next cohorts if that is due, for some seconds; False if there is nothing to do now.

    A round that is due goes through every cohort, a slice at a time, by whichever process claims
    the next one. A cohort that cannot be pruned now has its turn in the next round. Raises
    errors.Unavailable if the one after it cannot either; what was pruned by then stays pruned.
    """
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
    if claimed is None:
        return False
    after, trouble = _slice(pool, claimed, time.monotonic() + seconds)
    with pool.begin() as conn:
        chores.give_back(conn, CHORE, after=after)
    if trouble is not None:
        raise trouble
    return True


def _slice(pool: Pool, claimed: chores.Round, end: float) -> tuple[int, errors.Unavailable | None]:
    """Prune cohorts until time is up; returns the last, 0 after the very last, and what failed.

    A cohort with more to prune than time allows comes first in the next slice.
    """
    after, trouble = claimed.after, None
    while True:
        with pool.read() as conn:
            cohort_ids = retention.cohort_ids(conn, after=after, limit=COHORTS_AT_ONCE)
        for cohort_id in cohort_ids:
            after = cohort_id
            failed = None
            try:
                if not _prune(pool, cohort_id, claimed.begun_at, end):
                    return cohort_id - 1 or chores.FIRST, None
            except errors.Unavailable as error:
                _log.warning("retention.failed", cohort_id=cohort_id, reason=str(error))
                failed = error
            if trouble is not None and failed is not None:
                return after, failed
            trouble = failed
            if time.monotonic() >= end:
                return after, None
        if len(cohort_ids) < COHORTS_AT_ONCE:
            return 0, None


def _prune(pool: Pool, cohort_id: int, now: datetime.datetime, end: float) -> bool:
    """Prune a cohort; False if time was up while more was left."""
    inbox_before, history_before = now - INBOX_KEPT, now - HISTORY_KEPT

    def deliveries(conn: Connection, cohort_id: int) -> int:
        return retention.prune_deliveries(conn, cohort_id, before=inbox_before, limit=PAGES_AT_ONCE)

    def changes(conn: Connection, cohort_id: int) -> int:
        return retention.prune_changes(
            conn, cohort_id, before=history_before, limit=CHANGES_AT_ONCE, now=now
        )

    def others(conn: Connection, cohort_id: int) -> int:
        syncs = retention.prune_syncs(conn, cohort_id, before=history_before, now=now)
        syncs += edits.prune(
            conn,
            cohort_id,
            before=now - EDITS_KEPT,
            live_before=now - LIVE_KEPT,
            keys_before=now - KEYS_KEPT,
        )
        curve = hours.prune(conn, cohort_id, before=now - HOURS_KEPT)
        rows = load_rows.prune(conn, cohort_id, before=now - ROWS_KEPT)
        rows += loads.prune(conn, cohort_id, before=history_before)
        tombstones = retention.prune_tombstones(conn, cohort_id, before=history_before)
        return syncs + curve + rows + tombstones

    pages, no_pages = _repeat(pool, cohort_id, deliveries, until_below=PAGES_AT_ONCE, end=end)
    rows, no_rows = _repeat(pool, cohort_id, changes, until_below=CHANGES_AT_ONCE, end=end)
    rest = _once(pool, cohort_id, others) if no_pages and no_rows else 0
    if pages + rows + rest:
        _log.info("cohort.pruned", cohort_id=cohort_id, pages=pages, changes=rows, others=rest)
    return no_pages and no_rows


def _repeat(
    pool: Pool, cohort_id: int, prune: Prune, *, until_below: int, end: float
) -> tuple[int, bool]:
    """Prune in transactions of their own; returns how many, and whether little is left."""
    total = 0
    while True:
        pruned = _once(pool, cohort_id, prune)
        total += pruned
        if pruned < until_below:
            return total, True
        if time.monotonic() >= end:
            return total, False


def _once(pool: Pool, cohort_id: int, prune: Prune) -> int:
    """Prune under the cohort's lock; a cohort that is being applied has its turn an hour later."""
    with pool.begin() as conn:
        if apply_state.claim(conn, cohort_id) is None:
            return 0
        return prune(conn, cohort_id)
