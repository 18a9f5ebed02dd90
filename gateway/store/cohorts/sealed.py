"""Sealed sessions: the staged people of a whole load, compared with the cohort at once.

A replace is what a refresh is that completes. A sealed diff has the kinds of `delta` too; in one
that removes, a member that is `gone` leaves a tombstone. What is staged may repeat an id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.cohorts.page import Action
from gateway.store.cohorts import delta, staging
from gateway.store.db import plans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql.elements import TextClause

    from gateway.store.cohorts.delta import WriteContext, Written


def find(
    conn: Connection,
    touch: WriteContext,
    action: Action,
    *,
    spared: Sequence[str] = (),
    bare: bool = False,
) -> delta.Counts:
    """Find how the staged people differ from the cohort, and count them by kind.

    Members that are `spared` stay what they are; what is `bare` has no profiles, and leaves those
    of members alone.
    """
    if action is Action.REPLACE:
        return delta.find_replaced(conn, touch, spared=spared, bare=bare)
    if bare and action is Action.ADD:
        return delta.find_whole(conn, touch, _FIND_ADDED_BARE)
    return delta.find_whole(conn, touch, _FIND[action])


def repeated(conn: Connection) -> int:
    """Count the staged rows that have the id of a later row."""
    return int(conn.execute(_REPEATED).scalar_one())


def write(
    conn: Connection, touch: WriteContext, action: Action, counts: delta.Counts, *, last_change: int
) -> Written:
    """Write the differences that were found."""
    if action is Action.REMOVE:
        _take_out(conn, touch, counts)
        delta.write_tombstones(conn, touch, counts)
        return delta.record(conn, touch, counts, last_change=last_change)
    return delta.write_replaced(conn, touch, counts, last_change=last_change)


def _take_out(conn: Connection, touch: WriteContext, counts: delta.Counts) -> None:
    if counts.get("gone", 0):
        parameters = {"cohort_id": touch.cohort_id, "session": touch.session}
        plans.run_by_place(conn, _TAKE_OUT, parameters)


# Each is probed for by the primary key, in its order, as in `delta`.
_FIND_ADDED = text(
    "INSERT INTO differences (cohort_id, kind, member_id, " + delta.PROFILE + ")"
    """
    SELECT CAST(:cohort_id AS bigint),
           CASE WHEN m.member_id IS NULL THEN 'new'
                WHEN m.entered_at IS NULL THEN 'back' ELSE 'kept' END,
           s.member_id, s.distinct_id, s.email, s.first_name, s.last_name, s.phone, s.properties
    FROM ("""
    + staging.LATEST
    + ") s"
    + delta.MET
    + """
    WHERE m.member_id IS NULL
       OR (m.session <= :session
           AND (m.entered_at IS NULL
                OR greatest(m.session, :floor) < :session
                OR """
    + delta.DIFFERS
    + "))"
)

_FIND_ADDED_BARE = text(
    "INSERT INTO differences (cohort_id, kind, member_id, " + delta.PROFILE + ")"
    """
    SELECT CAST(:cohort_id AS bigint),
           CASE WHEN m.member_id IS NULL THEN 'new'
                WHEN m.entered_at IS NULL THEN 'back' ELSE 'kept' END,
           s.member_id, p.distinct_id, p.email, p.first_name, p.last_name, p.phone, p.properties
    FROM ("""
    + staging.LATEST
    + ") s"
    + delta.MET
    + """
    CROSS JOIN LATERAL (
        SELECT m.distinct_id, m.email, m.first_name, m.last_name, m.phone, m.properties
        WHERE m.entered_at IS NOT NULL
        UNION ALL
        SELECT s.distinct_id, s.email, s.first_name, s.last_name, s.phone, s.properties
        WHERE m.entered_at IS NULL) p"""
    + """
    WHERE m.member_id IS NULL
       OR (m.session <= :session
           AND (m.entered_at IS NULL OR greatest(m.session, :floor) < :session))
    """
)

_REPEATED = text("SELECT count(*) - count(DISTINCT member_id) FROM staging")

# An unknown id has no session, and `greatest` goes by the floor alone.
_FIND_REMOVED = text(
    """
    INSERT INTO differences (cohort_id, kind, place, member_id)
    SELECT CAST(:cohort_id AS bigint),
           CASE WHEN m.member_id IS NULL THEN 'absent'
                WHEN m.entered_at IS NULL THEN 'out' ELSE 'gone' END,
           m.place, s.member_id
    FROM (SELECT DISTINCT member_id FROM staging ORDER BY member_id) s"""
    + delta.MET
    + """
    WHERE greatest(m.session, :floor) < :session
       OR (m.entered_at IS NOT NULL AND m.session <= :session)
    """
)

_FIND: Final[Mapping[Action, TextClause]] = {
    Action.ADD: _FIND_ADDED,
    Action.REMOVE: _FIND_REMOVED,
}

_TAKE_OUT = text("""
    UPDATE memberships
    SET session = :session, entered_at = NULL, distinct_id = NULL, email = NULL,
        first_name = NULL, last_name = NULL, phone = NULL, properties = NULL
    WHERE cohort_id = :cohort_id
      AND ctid = ANY(ARRAY(SELECT place FROM differences WHERE kind = 'gone'))
""")
