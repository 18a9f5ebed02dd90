"""Memberships as readers see them: the members of a cohort now, as ready JSON where there are many.

A row with `entered_at` null is a tombstone and no membership. Members go out as JSON text
that Postgres writes: Python never loops over profiles, and any JSON value comes out as it came in.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.store.cohorts import cohort_version
from gateway.store.db import arrays
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

# Of many more at once the planner would rather scan the table.
PROBES: Final = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A member: the id, to page by, and the JSON object of interface 2."""

    member_id: str
    document: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """Members of a cohort, whether there are more, and the version that they were read at."""

    version: int
    members: list[Listed]
    more: bool


def listing(
    conn: Connection, cohort_id: int, *, after: str, limit: int, max_bytes: int
) -> Listing | None:
    """List members by the bytes of their ids, from the first beyond `after`.

    Rows that are heavy are fewer than asked for where they have more bytes than may be, but always
    one. None if there is no such cohort, or it is deleted.
    """
    parameters = {"cohort_id": cohort_id, "after": after, "limit": limit, "bytes": max_bytes}
    rows = _LIST.rows(conn, parameters)
    if rows and rows[0].is_heavy:
        rows = _WALK.rows(conn, parameters)
    if not rows:
        return None
    found = [row for row in rows if row.member_id is not None]
    members = [
        Listed(member_id=row.member_id, document=row.document)
        for row in found[:limit]
        if row.document is not None
    ]
    return Listing(version=rows[0].version, members=members, more=len(found) > len(members))


def get(conn: Connection, cohort_id: int, member_id: str) -> str | None:
    """Read the JSON object of one member, None if they are not a member now."""
    rows = _GET.rows(conn, {"cohort_id": cohort_id, "member_id": member_id})
    return rows[0].document if rows else None


def known(conn: Connection, cohort_ids: Sequence[int], member_id: str) -> set[int]:
    """Tell which of these cohorts have a row of a person: a member, or a removed one."""
    found = set[int]()
    for start in range(0, len(cohort_ids), PROBES):
        some = cohort_ids[start : start + PROBES]
        parameters = {"cohort_ids": _array(some), "member_id": member_id}
        found.update(_KNOWN.column(conn, parameters))
    return found


def held(
    conn: Connection, cohort_ids: Iterable[int], member_id: str
) -> list[tuple[int, datetime.datetime]]:
    """List which of these cohorts have a person as a member, and since when: one probe for each."""
    return _HELD.rows(conn, {"cohort_ids": _array(cohort_ids), "member_id": member_id})


def present(
    conn: Connection, cohort_ids: Iterable[int], member_ids: Sequence[str]
) -> list[tuple[int, str | None]]:
    """List the (cohort, member) pairs of these that are memberships, in that order.

    Each of the cohorts that is there, not deleted, comes first as a pair without a member.
    """
    parameters = {"cohort_ids": _array(cohort_ids), "member_ids": arrays.of_texts(member_ids)}
    return _PRESENT.rows(conn, parameters)


def _array(numbers: Iterable[int]) -> str:
    """Write numbers as one constant: of a list, Postgres parses and plans each alone."""
    return f"{{{','.join(map(str, numbers))}}}"


_MEMBER = """
    SELECT member_id, distinct_id, email, first_name, last_name, phone,
           coalesce(properties, '{}') AS properties,
           to_char(entered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
               AS entered_at
    FROM memberships
"""

# A cohort without (more) members is one row of which only the first two columns are not null. What
# is stored tells in a moment whether the rows are too heavy to be written before they are counted:
# none is that is neither long nor compressed, although JSON says some of it at more length.
_LIST = Statement(
    "SELECT a.version, w.is_heavy, m.member_id, CAST(row_to_json(m) AS text) AS document"
    + cohort_version.OF_COHORT
    + """
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(bytes) > :bytes / 8 OR bool_or(is_packed), false) AS is_heavy
        FROM (SELECT pg_column_size(member_id) + coalesce(pg_column_size(distinct_id), 0)
                     + coalesce(pg_column_size(email), 0) + coalesce(pg_column_size(first_name), 0)
                     + coalesce(pg_column_size(last_name), 0) + coalesce(pg_column_size(phone), 0)
                     + coalesce(pg_column_size(properties), 0) AS bytes,
                     coalesce(pg_column_compression(distinct_id), pg_column_compression(email),
                              pg_column_compression(first_name), pg_column_compression(last_name),
                              pg_column_compression(phone), pg_column_compression(properties))
                         IS NOT NULL AS is_packed
              FROM memberships
              WHERE cohort_id = :cohort_id AND member_id > :after AND entered_at IS NOT NULL
              ORDER BY member_id LIMIT :limit + 1) stored) w
    LEFT JOIN LATERAL ("""
    + _MEMBER
    + """
        WHERE NOT w.is_heavy AND cohort_id = :cohort_id AND member_id > :after
          AND entered_at IS NOT NULL
        ORDER BY member_id LIMIT :limit + 1) m ON true
    WHERE a.cohort_id = :cohort_id
    ORDER BY m.member_id
    """
)

# One member after the other until they are enough, or too many bytes: the last has no document.
_WALK = Statement(
    "SELECT a.version, m.member_id, m.document"
    + cohort_version.OF_COHORT
    + """
    LEFT JOIN LATERAL (
        WITH RECURSIVE walk (member_id, document, place, bytes) AS (
            SELECT CAST(:after AS text) COLLATE "C", CAST(NULL AS text), 0, CAST(0 AS bigint)
            UNION ALL
            SELECT n.member_id, n.document, w.place + 1, w.bytes + octet_length(n.document) + 1
            FROM walk w
            CROSS JOIN LATERAL (
                SELECT member_id, CAST(row_to_json(one) AS text) AS document
                FROM ("""
    + _MEMBER
    + """
                      WHERE cohort_id = :cohort_id AND member_id > w.member_id
                        AND entered_at IS NOT NULL
                      ORDER BY member_id LIMIT 1) one) n
            WHERE w.place <= :limit AND (w.bytes <= :bytes OR w.place = 1))
        SELECT member_id, place,
               CASE WHEN place = 1 OR place <= :limit AND bytes <= :bytes THEN document END
                   AS document
        FROM walk WHERE place > 0) m ON true
    WHERE a.cohort_id = :cohort_id
    ORDER BY m.place
    """
)

_GET = Statement(
    "SELECT CAST(row_to_json(m) AS text) AS document FROM ("
    + _MEMBER
    + "WHERE cohort_id = :cohort_id AND member_id = :member_id AND entered_at IS NOT NULL) m"
)

# The sub-select hides the array: with thousands of cohorts in sight it may rather scan the table.
_HELD = Statement("""
    SELECT cohort_id, entered_at FROM memberships
    WHERE cohort_id = ANY(CAST((SELECT CAST(:cohort_ids AS bigint[])) AS bigint[]))
      AND member_id = :member_id AND entered_at IS NOT NULL
    ORDER BY cohort_id
""")

_KNOWN = Statement("""
    SELECT cohort_id FROM memberships
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[])) AND member_id = :member_id
""")

_PRESENT = Statement("""
    SELECT cohort_id, CAST(NULL AS text) AS member_id FROM intake_state
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[])) AND NOT closed
    UNION ALL
    SELECT cohort_id, member_id FROM memberships
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[]))
      AND member_id = ANY(CAST(:member_ids AS text[]))
      AND entered_at IS NOT NULL
    ORDER BY cohort_id, member_id NULLS FIRST
""")
