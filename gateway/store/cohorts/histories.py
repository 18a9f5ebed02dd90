"""Histories: the changes of one member, and the members of a cohort at an earlier moment."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import psycopg2
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts.history import Kept
from gateway.store.cohorts import cohort_version
from gateway.store.cohorts.changes import Change

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """The changes of one member, the newest first, and whether it is one, all at one moment."""

    kept: Kept
    is_member: bool
    changes: list[Change]


def of_member(conn: Connection, cohort_id: int, member_id: str, *, limit: int) -> History | None:
    """Read the newest changes of a member; None if there is no such cohort, or it is deleted."""
    parameters = {"cohort_id": cohort_id, "member_id": member_id, "limit": limit}
    rows = conn.execute(_OF_MEMBER, parameters).all()
    if not rows:
        return None
    first = rows[0]
    changes = [
        Change(row.seq, row.kind, member_id, row.at, row.session_id)
        for row in rows
        if row.seq is not None
    ]
    kept = Kept(oldest_seq=first.oldest_seq, last_seq=first.last_seq, since=first.since)
    return History(kept=kept, is_member=first.is_member, changes=changes)


def kept(conn: Connection, cohort_id: int) -> Kept | None:
    """Read how far back changes go; None if there is no such cohort, or it is deleted."""
    row = conn.execute(_KEPT, {"cohort_id": cohort_id}).one_or_none()
    return None if row is None else Kept(**row._mapping)


def last_before(conn: Connection, cohort_id: int, at: datetime.datetime) -> int:
    """Return the newest kept seq that is not after a moment, 0 if there is none."""
    parameters = {"cohort_id": cohort_id, "at": at}
    return int(conn.execute(_LAST_BEFORE, parameters).scalar_one())


def begin(conn: Connection) -> None:
    """Let this transaction see one moment only."""
    conn.execute(_SNAPSHOT)


def copy_members(
    conn: Connection, cohort_id: int, through: int, write: Callable[[bytes], object]
) -> None:
    """Write the members as they were after a change, as lines of `member_rows.COLUMNS`.

    Of those that have left since only the id is known. Raises errors.Unavailable, and what `write`
    raises.
    """
    cursor = conn.connection.cursor()
    parameters = {"cohort_id": cohort_id, "through": through}
    try:
        cursor.copy_expert(cursor.mogrify(_MEMBERS, parameters).decode(), _Lines(write))
    except psycopg2.Error as error:
        conn.invalidate()
        raise errors.Unavailable("the database did not finish reading the members") from error
    except BaseException:
        conn.invalidate()  # it is in the middle of a COPY without a reader
        raise


class _Lines:
    """What COPY writes to, a line at a time."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


_KEPT_COLUMNS: Final = """
    a.oldest_change AS oldest_seq, a.last_change AS last_seq,
    (SELECT c.at FROM changes c WHERE c.cohort_id = :cohort_id ORDER BY c.last_seq LIMIT 1)
        AS since
"""

_KEPT = text(
    "SELECT " + _KEPT_COLUMNS + cohort_version.OF_COHORT + "WHERE a.cohort_id = :cohort_id"
)

# An array is searched in C; only what names the member is taken apart.
_OF_MEMBER = text(
    """
    SELECT h.seq, h.kind, h.at, h.session_id, """
    + _KEPT_COLUMNS
    + """,
           EXISTS (SELECT FROM memberships m
                   WHERE m.cohort_id = :cohort_id AND m.member_id = :member_id
                     AND m.entered_at IS NOT NULL) AS is_member
    """
    + cohort_version.OF_COHORT
    + """
    LEFT JOIN LATERAL (
        SELECT c.first_seq + p.place - 1 AS seq, c.kind, c.at, s.session_id
        FROM changes c
        CROSS JOIN LATERAL (
            SELECT array_position(c.member_ids, CAST(:member_id AS text)) AS place) p
        LEFT JOIN sessions s ON s.cohort_id = c.cohort_id AND s.number = c.session
        WHERE c.cohort_id = :cohort_id AND p.place IS NOT NULL
        ORDER BY c.last_seq DESC LIMIT :limit) h ON true
    WHERE a.cohort_id = :cohort_id
    ORDER BY h.seq DESC
    """
)

_LAST_BEFORE = text("""
    SELECT coalesce(max(last_seq), 0) FROM changes WHERE cohort_id = :cohort_id AND at <= :at
""")

_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

# The first change after the moment tells what was so until then: an exit that the id was a member.
_MEMBERS: Final = """
    COPY (
        WITH later AS (
            SELECT DISTINCT ON (u.member_id) u.member_id, c.kind
            FROM changes c CROSS JOIN LATERAL unnest(c.member_ids) AS u (member_id)
            WHERE c.cohort_id = %(cohort_id)s AND c.last_seq > %(through)s
              AND u.member_id IS NOT NULL
            ORDER BY u.member_id, c.last_seq)
        SELECT m.member_id, m.distinct_id, m.email, m.first_name, m.last_name, m.phone,
               coalesce(m.properties, '{}')
        FROM memberships m LEFT JOIN later l ON l.member_id = m.member_id
        WHERE m.cohort_id = %(cohort_id)s AND m.entered_at IS NOT NULL
          AND l.kind IS DISTINCT FROM 'entered'
        UNION ALL
        SELECT l.member_id, NULL, NULL, NULL, NULL, NULL, '{}'
        FROM later l LEFT JOIN memberships m
            ON m.cohort_id = %(cohort_id)s AND m.member_id = l.member_id
        WHERE l.kind = 'exited' AND m.entered_at IS NULL
    ) TO STDOUT
"""
