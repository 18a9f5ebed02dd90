"""What has expired, taken out in bulk: a range of keys of one cohort at a time.

Nothing is looked for row by row, and what applying still needs is never touched: pages that wait
or are blocked, and all that decides which session was newer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.cohorts import apply_state

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection


def cohort_ids(conn: Connection, *, after: int, limit: int) -> Sequence[int]:
    """List the next cohorts, deleted ones too."""
    return conn.execute(_COHORTS, {"after": after, "limit": limit}).scalars().all()


def prune_deliveries(
    conn: Connection, cohort_id: int, *, before: datetime.datetime, limit: int
) -> int:
    """Delete the oldest applied pages of a cohort, at most `limit`; returns how many."""
    parameters = {"cohort_id": cohort_id, "before": before, "limit": limit}
    return conn.execute(_PRUNE_DELIVERIES, parameters).rowcount


def prune_changes(
    conn: Connection,
    cohort_id: int,
    *,
    before: datetime.datetime,
    limit: int,
    now: datetime.datetime,
) -> int:
    """Delete the oldest rows of a cohort's changes, at most `limit`; returns how many.

    The caller holds the cohort's `apply_state`, which remembers the oldest seq that is left.
    """
    parameters = {"cohort_id": cohort_id, "before": before, "limit": limit}
    through = conn.execute(_EXPIRED_CHANGES, parameters).scalar_one()
    if through is None:
        return 0
    conn.execute(_REMEMBER_OLDEST, {"cohort_id": cohort_id, "oldest": through + 1})
    apply_state.raise_version(conn, cohort_id, now=now)
    return conn.execute(_PRUNE_CHANGES, {"cohort_id": cohort_id, "through": through}).rowcount


def prune_tombstones(conn: Connection, cohort_id: int, *, before: datetime.datetime) -> int:
    """Delete the tombstones that decide nothing any more; returns how many.

    Below the floor the refresh that left it decides; before `before` nothing is remembered.
    """
    parameters = {"cohort_id": cohort_id, "before": before}
    return conn.execute(_PRUNE_TOMBSTONES, parameters).rowcount


def prune_syncs(
    conn: Connection, cohort_id: int, *, before: datetime.datetime, now: datetime.datetime
) -> int:
    """Delete the reports of syncs that were last heard of before a moment; returns how many."""
    parameters = {"cohort_id": cohort_id, "before": before}
    conn.execute(_PRUNE_SYNC_RESULTS, parameters)
    pruned = conn.execute(_PRUNE_SYNCS, parameters).rowcount
    if pruned:
        apply_state.raise_sync_version(conn, cohort_id, now=now)
    return pruned


_COHORTS = text("SELECT id FROM cohorts WHERE id > :after ORDER BY id LIMIT :limit")

_PRUNE_DELIVERIES = text("""
    DELETE FROM deliveries
    WHERE cohort_id = :cohort_id AND number > 0
      AND number <= (
          SELECT max(number) FROM (
              SELECT d.number, bool_and(d.received_at < :before) OVER (ORDER BY d.number) AS expired
              FROM (SELECT number, received_at FROM deliveries
                    WHERE cohort_id = :cohort_id AND number > 0 AND number <= (
                        SELECT applied_through FROM apply_state WHERE cohort_id = :cohort_id)
                      AND number NOT IN (SELECT number FROM blocked_deliveries
                                         WHERE cohort_id = :cohort_id)
                    ORDER BY number LIMIT :limit) d) oldest
          WHERE expired)
      AND NOT EXISTS (SELECT FROM blocked_deliveries b
                      WHERE b.cohort_id = deliveries.cohort_id AND b.number = deliveries.number)
""")

_EXPIRED_CHANGES = text("""
    SELECT max(last_seq) FROM (
        SELECT c.last_seq, bool_and(c.at < :before) OVER (ORDER BY c.last_seq) AS expired
        FROM (SELECT last_seq, at FROM changes WHERE cohort_id = :cohort_id
              ORDER BY last_seq LIMIT :limit) c) oldest
    WHERE expired
""")

_REMEMBER_OLDEST = text("""
    UPDATE apply_state SET oldest_change = greatest(oldest_change, :oldest)
    WHERE cohort_id = :cohort_id
""")

_PRUNE_CHANGES = text("""
    DELETE FROM changes WHERE cohort_id = :cohort_id AND last_seq <= :through
""")

_PRUNE_TOMBSTONES = text("""
    DELETE FROM memberships
    WHERE cohort_id = :cohort_id AND entered_at IS NULL
      AND session < greatest(
          (SELECT floor FROM apply_state WHERE cohort_id = :cohort_id),
          (SELECT coalesce(max(number), 0) FROM sessions
           WHERE cohort_id = :cohort_id AND started_at < :before))
""")

_PRUNE_SYNC_RESULTS = text("""
    DELETE FROM sync_results r USING syncs s
    WHERE s.cohort_id = :cohort_id AND s.last_received_at < :before
      AND r.cohort_id = s.cohort_id AND r.session = s.session AND r.action = s.action
""")

_PRUNE_SYNCS = text("""
    DELETE FROM syncs WHERE cohort_id = :cohort_id AND last_received_at < :before
""")
