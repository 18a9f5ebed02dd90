"""How a ledger differs from the members of its cohort; suppressed ones count as no members."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from gateway.store.db import arrays
from gateway.store.db.statement import Statement
from gateway.store.syncs import ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.syncs.ledger import Scope


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member to be sent, and the rows there are: (part, state, sent).

    The document has what the scope says is mapped of the member.
    """

    member_id: str
    source: int
    document: Mapping[str, Any]
    rows: Sequence[tuple[int, int, str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """How many members are to be added, rows removed, and rows there are.

    `stale` are rows that do not stand as their members are now, of all that there are `rows`, and
    `batch` is the newest.
    """

    add: int
    remove: int
    sent: int
    stale: int = 0
    rows: int = 0
    batch: int = 0


def wanted(
    conn: Connection, scope: Scope, *, after: str, limit: int, everybody: bool = False
) -> list[Member]:
    """List members, by the bytes of their ids, that are not as they stand in the ledger."""
    parameters = {**scope.bound, "after": after, "limit": limit, "everybody": everybody}
    found = _WANTED.rows(conn, parameters)
    rows = _rows_of(conn, scope, [one.member_id for one in found if one.parts])
    return [
        Member(
            member_id=one.member_id,
            source=one.source,
            document=_document(one),
            rows=rows.get(one.member_id, ()),
        )
        for one in found
    ]


def _rows_of(
    conn: Connection, scope: Scope, member_ids: Sequence[str]
) -> dict[str, list[tuple[int, int, str]]]:
    """Read what stands in the ledger of some members; most often there are none to ask for."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    if member_ids:
        parameters = {
            **scope.bound,
            "member_ids": arrays.of_texts(member_ids),
            "first": member_ids[0],
            "last": member_ids[-1],
        }
        for row in _ROWS.rows(conn, parameters):
            found.setdefault(row.member_id, []).append((row.part, row.state, row.sent))
    return found


def _document(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of `_WANTED`
    properties = row.properties
    return {
        "member_id": row.member_id,
        "distinct_id": row.distinct_id,
        "email": row.email,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "phone": row.phone,
        "entered_at": row.entered_at,
        "properties": None if properties is None else json.loads(properties, parse_int=_whole),
    }


def _whole(digits: str) -> int | str:
    """Read an integer; one that takes more than 64 bits is its digits, as few programs read it."""
    read = int(digits)
    return read if -(2**63) <= read < 2**64 else digits


def count(conn: Connection, scope: Scope, *, everybody: bool = False) -> Counts:
    """Count what a run would do."""
    parameters = {**scope.bound, "everybody": everybody}
    add = _COUNT_WANTED.rows(conn, parameters)[0]
    row = _COUNT_ROWS.rows(conn, parameters)[0]
    return Counts(add=add.members, **row._asdict())


def stale(
    conn: Connection, scope: Scope, *, before: int | None, after: tuple[str, int], limit: int
) -> list[ledger.Row]:
    """List rows, of SENDING, PRESENT and REJECTED ones, that are not as their members are now.

    Those of batches beyond `before` are left out, if that is given.
    """
    parameters = {
        **scope.bound,
        "before": before,
        "after": after[0],
        "after_part": after[1],
        "limit": limit,
    }
    return [
        ledger.Row(member_id=row.member_id, part=row.part, sent="", state=ledger.State(row.state))
        for row in _STALE.rows(conn, parameters)
    ]


def mark_all(conn: Connection, scope: Scope) -> None:
    """Mark everything as leaving, because the job is to remove all it has sent."""
    _MARK_ALL.run(conn, scope.bound)


# Of what can be mapped alone: a property that is not does not have to be looked at.
_ENTERED_AT = "CASE WHEN :entered THEN m.entered_at END"
_PROPERTIES = "CASE WHEN :properties THEN CAST(m.properties AS text) END"


_HASH = (
    "hash_record_extended(ROW(m.distinct_id, m.email, m.first_name, m.last_name, m.phone, "
    + _ENTERED_AT
    + ", "
    + _PROPERTIES
    + "), CAST(:seed AS bigint))"
)


# Each of the joins below is a look-up by key for one row. `LIMIT`, `GROUP BY` and `OFFSET` keep
# the planner from making one join of all: it takes a cohort that has grown since its statistics
# for a single row, and would compare each member with each row.
_NOT_SUPPRESSED = """
    AND (CAST(:suppress AS bigint[]) = '{}' OR NOT EXISTS (
        SELECT FROM memberships s
        WHERE s.cohort_id = ANY(CAST(:suppress AS bigint[])) AND s.member_id = m.member_id
          AND s.entered_at IS NOT NULL OFFSET 0))
"""


# A member is held if it stands there as it is now, was refused as it is now, or is being erased.
_MEMBERS_TO_SEND = (
    """
    FROM memberships m
    LEFT JOIN LATERAL (
        SELECT l.cohort_id, count(*) AS parts,
               bool_or(l.state = 5
                       OR (l.state IN (1, 3) AND NOT :everybody AND l.source =
    """
    + _HASH
    + """
               )) AS held
        FROM sync_ledger l
        WHERE l.cohort_id = m.cohort_id AND l.job_id = :job_id AND l.member_id = m.member_id
        GROUP BY l.cohort_id) h ON h.cohort_id = m.cohort_id
    WHERE m.cohort_id = :cohort_id AND m.entered_at IS NOT NULL AND h.held IS NOT TRUE
    """
    + _NOT_SUPPRESSED
)


_WANTED = Statement(
    """
    SELECT m.member_id, m.distinct_id, m.email, m.first_name, m.last_name, m.phone, h.parts,
           to_jsonb(
    """
    + _ENTERED_AT
    + ") #>> '{}' AS entered_at, "
    + _PROPERTIES
    + " AS properties, "
    + _HASH
    + " AS source"
    + _MEMBERS_TO_SEND
    + " AND m.member_id > :after ORDER BY m.member_id LIMIT :limit"
)


_ROWS = Statement("""
    SELECT member_id, part, state, sent FROM sync_ledger
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND member_id BETWEEN :first AND :last
      AND member_id = ANY(CAST(:member_ids AS text[]))
    ORDER BY member_id, part
""")


_COUNT_WANTED = Statement("SELECT count(*) AS members" + _MEMBERS_TO_SEND)


# Of each row whether its member belongs there, and whether it is as the member is now.
_BESIDE_MEMBERS = (
    """
    FROM sync_ledger l
    LEFT JOIN LATERAL (
        SELECT m.cohort_id, l.source =
    """
    + _HASH
    + """ AS same
        FROM memberships m
        WHERE m.cohort_id = l.cohort_id AND m.member_id = l.member_id
          AND m.entered_at IS NOT NULL
    """
    + _NOT_SUPPRESSED
    + """
        LIMIT 1) b ON b.cohort_id = l.cohort_id
    WHERE l.cohort_id = :cohort_id AND l.job_id = :job_id
    """
)


_COUNT_ROWS = Statement(
    """
    SELECT count(*) FILTER (WHERE b.cohort_id IS NULL AND l.state IN (1, 2, 4)) AS remove,
           count(*) FILTER (WHERE l.state IN (1, 2, 4)) AS sent,
           count(*) FILTER (WHERE l.state = 4 OR (l.state <> 5 AND b.same IS NOT TRUE)) AS stale,
           count(*) AS rows, coalesce(max(l.batch), 0) AS batch
    """
    + _BESIDE_MEMBERS
)


_STALE = Statement(
    """
    SELECT l.member_id, l.part, l.state
    """
    + _BESIDE_MEMBERS
    + """
      AND l.state IN (1, 2, 3) AND b.same IS NOT TRUE
      AND (CAST(:before AS bigint) IS NULL OR l.batch IS NULL OR l.batch <= :before)
      AND (l.member_id, l.part) > (:after, :after_part)
    ORDER BY l.member_id, l.part LIMIT :limit
    """
)


_MARK_ALL = Statement("""
    UPDATE sync_ledger SET state = 4
    WHERE cohort_id = :cohort_id AND job_id = :job_id AND state IN (1, 2)
""")
