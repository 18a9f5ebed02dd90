"""Changes: who entered and left a cohort, in order, without gaps."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """One person's step in or out; `member_id` is None once the person was erased."""

    seq: int
    change: str
    member_id: str | None
    at: datetime.datetime
    session_id: str | None


def listing(conn: Connection, cohort_id: int, *, after: int, limit: int) -> list[Change]:
    """List changes by seq, from the first kept beyond `after`."""
    parameters = {"cohort_id": cohort_id, "after": after, "limit": limit}
    return [Change(**row._mapping) for row in conn.execute(_LIST, parameters)]


def oldest(conn: Connection, cohort_id: int) -> int:
    """Return the seq of the oldest change kept, or of the next one if none is."""
    return int(conn.execute(_OLDEST, {"cohort_id": cohort_id}).scalar_one())


_LIST = text("""
    SELECT c.first_seq + u.place - 1 AS seq, c.kind AS change, u.member_id, c.at, s.session_id
    FROM changes c
    CROSS JOIN LATERAL unnest(c.member_ids) WITH ORDINALITY AS u (member_id, place)
    LEFT JOIN sessions s ON s.cohort_id = c.cohort_id AND s.number = c.session
    WHERE c.cohort_id = :cohort_id AND c.last_seq > :after AND c.first_seq + u.place - 1 > :after
    ORDER BY c.last_seq, u.place LIMIT :limit
""")

_OLDEST = text("SELECT oldest_change FROM apply_state WHERE cohort_id = :cohort_id")
