"""What rules need to know of arrivals: where to go on from, and which people they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.people import arrival
from gateway.store.db import timeouts
from gateway.store.people import arrivals, removal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

# Requests that are being stored are waited for, and others wait meanwhile, so not for long.
CUT_SECONDS: Final = 5.0

keep_out_erasures = arrivals.keep_out_erasures


def cut(pool: Pool, source_id: int) -> int:
    """Number a cut: what arrived before it is there to be read, and what comes has more."""
    with pool.begin(limit_seconds=CUT_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=CUT_SECONDS, lock_seconds=CUT_SECONDS)
        removal.hold(conn, source_id)
        return arrivals.cut(conn)


def changed_of(
    conn: Connection, source_id: int, person_ids: Sequence[str], *, since: int
) -> set[str]:
    """Tell which of some people arrivals beyond a cut have changed."""
    first = arrival.first_id(since + 1)
    return arrivals.changed_of(conn, source_id, person_ids, after=since, first_event=first)


def changed(conn: Connection, source_id: int, *, since: int, limit: int) -> list[str]:
    """List people that arrivals beyond a cut have changed, at most so many."""
    first = arrival.first_id(since + 1)
    return arrivals.changed(conn, source_id, after=since, first_event=first, limit=limit)
