"""Removals: a cohort taken out of use with everything in it, and put back empty.

The caller holds the cohort's `apply_state` row, so nothing is applied meanwhile. Pages may still
be accepted until `close` takes the counters of accepting, which is why that comes last.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.cohorts import apply_state, changes, loads

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.store.cohorts.cohorts import Filter


def is_deleted(conn: Connection, cohort_id: int) -> bool | None:
    """Tell whether a cohort is deleted; None if there never was one."""
    return conn.execute(_IS_DELETED, {"cohort_id": cohort_id}).scalar_one_or_none()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deleted:
    """A deleted cohort, which can be restored while its source is there."""

    id: int
    source: str
    project_id: str
    external_id: str
    name: str
    deleted_at: datetime.datetime


def listing(
    conn: Connection,
    which: Filter,
    *,
    limit: int,
    after: tuple[int, int] | None = None,
) -> list[Deleted]:
    """List deleted cohorts of sources that were not removed, the newest deletion first.

    Begins beyond a deletion, by its microseconds since 1970 and the id of the cohort.
    """
    before, after_id = after or (None, 0)
    position = {"before": before, "after_id": after_id, "limit": limit}
    parameters = {**dataclasses.asdict(which), **position}
    return [Deleted(**row) for row in conn.execute(_LIST, parameters).mappings()]


def has_source(conn: Connection, cohort_id: int) -> bool:
    """Tell whether the source of a cohort is there; it stays so until the transaction ends."""
    return conn.execute(_HAS_SOURCE, {"cohort_id": cohort_id}).one_or_none() is not None


def let_everyone_exit(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> None:
    """Write `exited` for every member and forget all members and tombstones."""
    parameters = {"cohort_id": cohort_id, "now": now, "people_a_row": changes.PEOPLE_A_ROW}
    conn.execute(_WRITE_EXITS, parameters)
    conn.execute(_COUNT_EXITS, {"cohort_id": cohort_id, "now": now})
    conn.execute(_DELETE_MEMBERSHIPS, {"cohort_id": cohort_id})


def close(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> None:
    """Take no more pages, drop those that are kept, forget the sessions, and hide the cohort."""
    parameters = {"cohort_id": cohort_id}
    conn.execute(_CLOSE_INTAKE, parameters)
    loads.cancel_all(conn, cohort_id, now=now)
    conn.execute(_DELETE_DELIVERIES, parameters)
    conn.execute(_DELETE_BLOCKED, parameters)
    conn.execute(_DELETE_ATTEMPTS, parameters)
    conn.execute(_DELETE_SYNCS, parameters)
    conn.execute(_DELETE_SYNC_RESULTS, parameters)
    conn.execute(_FORGET_SESSIONS, parameters)
    conn.execute(_NOTHING_PENDING, parameters)
    apply_state.raise_sync_version(conn, cohort_id, now=now)
    conn.execute(_HIDE, parameters | {"now": now})


def reopen(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> None:
    """Take pages again, and show the cohort."""
    apply_state.raise_version(conn, cohort_id, now=now)
    conn.execute(_OPEN_INTAKE, {"cohort_id": cohort_id})
    conn.execute(_SHOW, {"cohort_id": cohort_id, "now": now})


_IS_DELETED = text("SELECT deleted_at IS NOT NULL FROM cohorts WHERE id = :cohort_id")

_LIST = text("""
    SELECT c.id, s.slug AS source, c.project_id, c.external_id, c.name, c.deleted_at
    FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE c.deleted_at IS NOT NULL AND s.removed_at IS NULL
      AND (CAST(:id AS bigint) IS NULL OR c.id = :id)
      AND (CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:project_id AS text) IS NULL OR c.project_id = :project_id)
      AND (CAST(:external_id AS text) IS NULL OR c.external_id = :external_id)
      AND (CAST(:name AS text) IS NULL OR c.name = :name)
      AND (CAST(:kind AS text) IS NULL OR s.kind = :kind)
      AND (CAST(:before AS bigint) IS NULL
           OR (-CAST(extract(epoch FROM c.deleted_at) * 1000000 AS bigint), c.id)
              > (-CAST(:before AS bigint), :after_id))
    ORDER BY c.deleted_at DESC, c.id LIMIT :limit
""")

_HAS_SOURCE = text("""
    SELECT FROM sources s
    WHERE s.id = (SELECT c.source_id FROM cohorts c WHERE c.id = :cohort_id)
      AND s.removed_at IS NULL
    FOR SHARE
""")

_WRITE_EXITS = text("""
    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, member_ids)
    SELECT m.cohort_id, a.last_change + min(m.n), a.last_change + max(m.n), 'exited', :now,
           array_agg(m.member_id ORDER BY m.n)
    FROM (SELECT cohort_id, member_id, row_number() OVER (ORDER BY member_id) AS n
          FROM memberships WHERE cohort_id = :cohort_id AND entered_at IS NOT NULL) m
    JOIN apply_state a ON a.cohort_id = m.cohort_id
    GROUP BY m.cohort_id, a.last_change, (m.n - 1) / :people_a_row
""")

_COUNT_EXITS = text(
    """
    UPDATE apply_state
    SET last_change = last_change + member_count, exited = exited + member_count,
        member_count = 0, floor = 0, attempts = 0, updated_at = :now, version = """
    + apply_state.VERSION
    + "WHERE cohort_id = :cohort_id"
)

_DELETE_MEMBERSHIPS = text("DELETE FROM memberships WHERE cohort_id = :cohort_id")

_CLOSE_INTAKE = text("""
    UPDATE intake_state
    SET closed = true, run_session = 0, run_action = '', run_from = last_delivery + 1,
        refresh_session = 0
    WHERE cohort_id = :cohort_id
""")

_DELETE_DELIVERIES = text("DELETE FROM deliveries WHERE cohort_id = :cohort_id")

_DELETE_BLOCKED = text("DELETE FROM blocked_deliveries WHERE cohort_id = :cohort_id")

_DELETE_ATTEMPTS = text("DELETE FROM attempts WHERE cohort_id = :cohort_id")

_DELETE_SYNCS = text("DELETE FROM syncs WHERE cohort_id = :cohort_id")

_DELETE_SYNC_RESULTS = text("DELETE FROM sync_results WHERE cohort_id = :cohort_id")

_FORGET_SESSIONS = text("""
    UPDATE sessions SET forgotten = true WHERE cohort_id = :cohort_id AND NOT forgotten
""")

_NOTHING_PENDING = text("""
    UPDATE apply_state
    SET applied_through = (SELECT last_delivery FROM intake_state WHERE cohort_id = :cohort_id)
    WHERE cohort_id = :cohort_id
""")

_HIDE = text("""
    UPDATE cohorts SET deleted_at = :now, updated_at = :now
    WHERE id = :cohort_id AND deleted_at IS NULL
""")

_OPEN_INTAKE = text("UPDATE intake_state SET closed = false WHERE cohort_id = :cohort_id")

_SHOW = text("""
    UPDATE cohorts SET deleted_at = NULL, updated_at = :now
    WHERE id = :cohort_id AND deleted_at IS NOT NULL
""")
