"""Loads that are not over: how many there are, and which have waited for too long."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.cohorts.load import State

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection

WAITING: Final = (State.QUEUED, State.READING, State.NEEDS_APPROVAL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Totals:
    """How many loads are in each state of `WAITING`, and for how long the oldest is queued."""

    counts: Mapping[str, int]
    oldest_seconds: float


def totals(conn: Connection, *, now: datetime.datetime) -> Totals:
    """Count the loads that are not over yet."""
    counts, oldest = {state.value: 0 for state in WAITING}, 0.0
    for row in conn.execute(_TOTALS, {"states": list(WAITING), "now": now}):
        counts[row.state] = row.loads
        if row.state == State.QUEUED:
            oldest = max(0.0, row.seconds)
    return Totals(counts=counts, oldest_seconds=oldest)


def expired(conn: Connection, *, now: datetime.datetime, limit: int) -> list[tuple[int, int]]:
    """List loads that have waited for an approval for too long, as (cohort, number)."""
    rows = conn.execute(_EXPIRED, {"now": now, "limit": limit})
    return [(row.cohort_id, row.number) for row in rows]


_TOTALS = text("""
    SELECT state, count(*) AS loads,
           CAST(extract(epoch FROM :now - min(coalesce(queued_at, begun_at))) AS double precision)
               AS seconds
    FROM loads WHERE state = ANY(:states) GROUP BY state
""")

_EXPIRED = text("""
    SELECT cohort_id, number FROM loads
    WHERE state = 'needs_approval' AND expires_at < :now
    ORDER BY expires_at LIMIT :limit
""")
