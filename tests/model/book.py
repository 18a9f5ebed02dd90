"""What the database says of a cohort, read with SQL of its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from gateway.store.db.engine import Pool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """A cohort at one moment: who is in it, how many it says, how far the inbox was applied."""

    members: dict[str, str | None]
    member_count: int
    through: int
    received: int
    last_change: int
    floor: int
    attempts: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """A delivery as it was stored."""

    number: int
    session: int
    action: str
    page: int
    received_at: datetime.datetime


def standing(pool: Pool, cohort_id: int) -> Standing:
    """Read how a cohort stands, all in one statement."""
    with pool.read() as conn:
        row = conn.execute(_STANDING, {"cohort_id": cohort_id}).one()
    return Standing(
        members=dict(zip(row.ids or [], row.emails or [], strict=True)),
        member_count=row.member_count,
        through=row.applied_through,
        received=row.last_delivery,
        last_change=row.last_change,
        floor=row.floor,
        attempts=row.attempts,
    )


def moves(pool: Pool, cohort_id: int) -> list[tuple[str, str, int]]:
    """Read (kind, member id, session number) in order; raises AssertionError at a gap."""
    with pool.read() as conn:
        rows = conn.execute(_MOVES, {"cohort_id": cohort_id}).all()
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [(row.kind, row.member_id, row.session) for row in rows]


def deliveries(pool: Pool, cohort_id: int, *, after: int = 0) -> list[Stored]:
    """Read the deliveries of a cohort beyond a number."""
    with pool.read() as conn:
        rows = conn.execute(_DELIVERIES, {"cohort_id": cohort_id, "after": after}).all()
    return [Stored(**row._mapping) for row in rows]


def blocked(pool: Pool, cohort_id: int) -> Sequence[int]:
    """List the blocked deliveries of a cohort."""
    with pool.read() as conn:
        return conn.execute(_BLOCKED, {"cohort_id": cohort_id}).scalars().all()


_STANDING = text("""
    SELECT a.member_count, a.applied_through, i.last_delivery, a.last_change, a.floor, a.attempts,
           m.ids, m.emails
    FROM apply_state a
    JOIN intake_state i ON i.cohort_id = a.cohort_id
    CROSS JOIN (SELECT array_agg(member_id ORDER BY member_id) AS ids,
                       array_agg(email ORDER BY member_id) AS emails
                FROM memberships
                WHERE cohort_id = :cohort_id AND entered_at IS NOT NULL) m
    WHERE a.cohort_id = :cohort_id
""")

_MOVES = text("""
    SELECT c.first_seq + u.place - 1 AS seq, c.kind, u.member_id, c.session
    FROM changes c CROSS JOIN LATERAL unnest(c.member_ids) WITH ORDINALITY AS u (member_id, place)
    WHERE c.cohort_id = :cohort_id ORDER BY c.last_seq, u.place
""")

_DELIVERIES = text("""
    SELECT number, session, action, page, received_at
    FROM deliveries WHERE cohort_id = :cohort_id AND number > :after ORDER BY number
""")

_BLOCKED = text(
    "SELECT number FROM blocked_deliveries WHERE cohort_id = :cohort_id ORDER BY number"
)
