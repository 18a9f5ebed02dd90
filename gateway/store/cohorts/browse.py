"""What a page shows of a cohort: members by the beginning of an id, and the newest changes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.store.cohorts import cohort_version
from gateway.store.cohorts.changes import Change

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

# A longer text is cut: a page shows many members, and each may have a whole book for a name.
SHOWN_CHARACTERS: Final = 120


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """A member with what a list shows of the profile."""

    member_id: str
    email: str | None
    first_name: str | None
    last_name: str | None
    entered_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stake:
    """What a deletion would do: members exit, and pages that wait or are blocked are dropped."""

    members: int
    pages: int


def members(
    conn: Connection, cohort_id: int, *, prefix: str, after: str, limit: int
) -> list[Member]:
    """List members with ids of this beginning by the bytes of their ids, from beyond `after`."""
    parameters = {
        "cohort_id": cohort_id,
        "prefix": prefix,
        "after": after,
        "limit": limit,
        "shown": SHOWN_CHARACTERS,
    }
    return [Member(**row._mapping) for row in conn.execute(_MEMBERS, parameters)]


def newest_changes(conn: Connection, cohort_id: int, *, before: int, limit: int) -> list[Change]:
    """List changes with a seq below `before`, the newest first."""
    parameters = {"cohort_id": cohort_id, "before": before, "limit": limit}
    return [Change(*row) for row in conn.execute(_CHANGES, parameters)]


def stake(conn: Connection, cohort_id: int) -> Stake | None:
    """Say what is lost with a cohort; None if there is none, or it is deleted."""
    row = conn.execute(_STAKE, {"cohort_id": cohort_id}).one_or_none()
    return None if row is None else Stake(**row._mapping)


# The operator of beginnings takes both ends of the range from the index, in the collation "C".
_MEMBERS = text("""
    SELECT member_id, left(email, :shown) AS email, left(first_name, :shown) AS first_name,
           left(last_name, :shown) AS last_name, entered_at
    FROM memberships
    WHERE cohort_id = :cohort_id AND member_id ^@ :prefix AND member_id > :after
      AND entered_at IS NOT NULL
    ORDER BY member_id LIMIT :limit
""")

_CHANGES = text("""
    SELECT c.first_seq + u.place - 1 AS seq, c.kind, u.member_id, c.at, s.session_id
    FROM (SELECT cohort_id, first_seq, last_seq, kind, at, session, member_ids FROM changes
          WHERE cohort_id = :cohort_id AND first_seq < :before
          ORDER BY last_seq DESC LIMIT :limit) c
    CROSS JOIN LATERAL unnest(c.member_ids) WITH ORDINALITY AS u (member_id, place)
    LEFT JOIN sessions s ON s.cohort_id = c.cohort_id AND s.number = c.session
    WHERE c.first_seq + u.place - 1 < :before
    ORDER BY 1 DESC LIMIT :limit
""")

_STAKE = text(
    """
    SELECT a.member_count AS members, i.last_delivery - a.applied_through + (
               SELECT count(*) FROM blocked_deliveries b WHERE b.cohort_id = :cohort_id) AS pages
    """
    + cohort_version.OF_COHORT
    + "WHERE a.cohort_id = :cohort_id"
)
