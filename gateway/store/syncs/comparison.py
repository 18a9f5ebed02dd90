"""How a ledger differs from the members of its cohort; suppressed ones count as no members."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.syncs.ledger import Scope


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member to be sent, and the rows there are: (part, state, sent)."""

    member_id: str
    source: int
    document: Mapping[str, Any]
    rows: Sequence[tuple[int, int, str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """How many members are to be added, rows removed, and rows there are."""

    add: int
    remove: int
    sent: int


def wanted(
    conn: Connection, scope: Scope, *, after: str, limit: int, everybody: bool = False
) -> list[Member]:
    """List members, by the bytes of their ids, that are not as they stand in the ledger."""
    parameters = {**scope.bound, "after": after, "limit": limit, "everybody": everybody}
    return [
        Member(
            member_id=row.member_id,
            source=row.source,
            document=row.document,
            rows=[(part, state, sent) for part, state, sent in row.rows],
        )
        for row in _WANTED.rows(conn, parameters)
    ]


def count(conn: Connection, scope: Scope, *, everybody: bool = False) -> Counts:
    """Count what a run would do."""
    parameters = {**scope.bound, "everybody": everybody}
    add = _COUNT_WANTED.rows(conn, parameters)[0]
    row = _COUNT_ROWS.rows(conn, parameters)[0]
    return Counts(add=add.members, remove=row.remove, sent=row.sent)


def mark_leaving(conn: Connection, scope: Scope) -> int:
    """Mark what does not belong there any more; returns how many rows are marked by now."""
    _DROP_REJECTED.run(conn, scope.bound)
    _MARK_LEAVING.run(conn, scope.bound)
    found: int = _COUNT_LEAVING.rows(conn, scope.bound)[0].leaving
    return found


def mark_all(conn: Connection, scope: Scope) -> None:
    """Mark everything as leaving, because the job is to remove all it has sent."""
    _MARK_ALL.run(conn, scope.bound)


_HASH = """
    hashtextextended(CAST(jsonb_build_array(m.distinct_id, m.email, m.first_name, m.last_name,
                                            m.phone, m.properties) AS text), :seed)
"""


_NOT_SUPPRESSED = """
    AND NOT EXISTS (
        SELECT FROM memberships s
        WHERE s.cohort_id = ANY(CAST(:suppress AS bigint[])) AND s.member_id = m.member_id
          AND s.entered_at IS NOT NULL)
"""


# A member is held if it stands there as it is now, was refused as it is now, or is being erased.
_HELD = (
    """
    LEFT JOIN LATERAL (
        SELECT l.cohort_id FROM sync_ledger l
        WHERE l.cohort_id = m.cohort_id AND l.job_id = :job_id AND l.member_id = m.member_id
          AND (l.state = 5 OR (l.state IN (1, 3) AND NOT :everybody AND l.source =
"""
    + _HASH
    + """
          )) LIMIT 1) h ON h.cohort_id = m.cohort_id
    """
)


_MEMBERS_TO_SEND = (
    _HELD
    + """
    WHERE m.cohort_id = :cohort_id AND m.entered_at IS NOT NULL AND h.cohort_id IS NULL
    """
    + _NOT_SUPPRESSED
)


_WANTED = Statement(
    """
    SELECT m.member_id,
    """
    + _HASH
    + """ AS source,
           jsonb_build_object(
               'member_id', m.member_id, 'distinct_id', m.distinct_id, 'email', m.email,
               'first_name', m.first_name, 'last_name', m.last_name, 'phone', m.phone,
               'entered_at', m.entered_at, 'properties', m.properties) AS document,
           coalesce(r.rows, '[]') AS rows
    FROM memberships m
    LEFT JOIN LATERAL (
        SELECT l.cohort_id,
               jsonb_agg(jsonb_build_array(l.part, l.state, l.sent) ORDER BY l.part) AS rows
        FROM sync_ledger l
        WHERE l.cohort_id = m.cohort_id AND l.job_id = :job_id
          AND l.member_id = m.member_id
        GROUP BY l.cohort_id) r ON r.cohort_id = m.cohort_id
    """
    + _MEMBERS_TO_SEND
    + " AND m.member_id > :after ORDER BY m.member_id LIMIT :limit"
)


_COUNT_WANTED = Statement("SELECT count(*) AS members FROM memberships m" + _MEMBERS_TO_SEND)


_BELONGS = (
    """
    LEFT JOIN LATERAL (
        SELECT m.cohort_id FROM memberships m
        WHERE m.cohort_id = l.cohort_id AND m.member_id = l.member_id
          AND m.entered_at IS NOT NULL
    """
    + _NOT_SUPPRESSED
    + """
        LIMIT 1) b ON b.cohort_id = l.cohort_id
    """
)


_COUNT_ROWS = Statement(
    """
    SELECT count(*) FILTER (WHERE b.cohort_id IS NULL) AS remove, count(*) AS sent
    FROM sync_ledger l
    """
    + _BELONGS
    + """
    WHERE l.cohort_id = :cohort_id AND l.job_id = :job_id AND l.state IN (1, 2, 4)
    """
)


_STANDS = (
    """
    EXISTS (
        SELECT FROM memberships m
        WHERE m.cohort_id = l.cohort_id AND m.member_id = l.member_id
          AND m.entered_at IS NOT NULL AND l.source =
    """
    + _HASH
    + _NOT_SUPPRESSED
    + ")"
)


_MARK_LEAVING = Statement(
    """
    UPDATE sync_ledger l SET state = 4
    WHERE l.cohort_id = :cohort_id AND l.job_id = :job_id AND l.state IN (1, 2) AND NOT
    """
    + _STANDS
)


_DROP_REJECTED = Statement(
    """
    DELETE FROM sync_ledger l
    WHERE l.cohort_id = :cohort_id AND l.job_id = :job_id AND l.state = 3 AND NOT
    """
    + _STANDS
)


_COUNT_LEAVING = Statement("""
    SELECT count(*) AS leaving FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state = 4
""")


_MARK_ALL = Statement("""
    UPDATE sync_ledger SET state = 4
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state IN (1, 2)
""")
