"""The feed: rows that put the changes of all cohorts into one order, numbered once committed.

A seq is given by the transaction that makes the change, so seqs of several cohorts become visible
in any order. A position is given afterwards, to what a statement sees as committed, by one
transaction at a time: what becomes visible later has a higher one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """The newest position, and the newest that has no row any more."""

    position: int
    dropped: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A position, and the seqs of a cohort that are told there."""

    position: int
    cohort: int
    first_seq: int
    last_seq: int


def state(conn: Connection) -> State:
    return State(**_STATE.first(conn, {})._asdict())


def lock(conn: Connection) -> State | None:
    """Lock the feed for writing until the transaction ends; None if another process writes to it.

    It is a statement of its own: whatever is read after it is as new as the lock.
    """
    row = _LOCK.first(conn, {})
    return None if row is None else State(**row._asdict())


def unnumbered(conn: Connection, *, after: int, limit: int) -> list[Row]:
    """List what was committed and has no position, as rows of the positions from `after` on."""
    found = _UNNUMBERED.rows(conn, {"limit": limit})
    return [
        Row(position=position, **row._asdict())
        for position, row in enumerate(found, start=after + 1)
    ]


def put(conn: Connection, rows: Sequence[Row]) -> None:
    """Append rows. The caller has locked the feed."""
    columns = {
        "positions": [row.position for row in rows],
        "cohorts": [row.cohort for row in rows],
        "first_seqs": [row.first_seq for row in rows],
        "last_seqs": [row.last_seq for row in rows],
    }
    conn.execute(_PUT, columns)
    conn.execute(_PUT_HEADS, {name: columns[name] for name in ("cohorts", "last_seqs")})
    conn.execute(_ADVANCE, {"position": rows[-1].position})


def listing(conn: Connection, *, position: int, source: str | None, limit: int) -> list[Row]:
    """List rows by position, from one on; of the cohorts of one source, or of all."""
    parameters = {"position": position, "limit": limit}
    if source is None:
        found = _LIST.rows(conn, parameters)
    else:
        found = _LIST_OF_SOURCE.rows(conn, {**parameters, "source": source})
    return [Row(**row._asdict()) for row in found]


def oldest_kept(conn: Connection, cohort_ids: Collection[int]) -> Mapping[int, int]:
    """Read of each cohort the seq of the oldest change that is kept."""
    rows = _OLDEST.rows(conn, {"cohort_ids": sorted(cohort_ids)})
    return {row.cohort_id: row.oldest_change for row in rows}


def pruned(conn: Connection) -> int:
    """Count the changes that were pruned, of all cohorts together: it only rises."""
    (total,) = _PRUNED.column(conn, {})
    return int(total)


def expired(conn: Connection, *, limit: int) -> list[int]:
    """List the positions of rows, among the oldest, of which nothing is kept."""
    return _EXPIRED.column(conn, {"limit": limit})


def drop(conn: Connection, positions: Sequence[int]) -> None:
    """Delete rows. The caller has locked the feed."""
    conn.execute(_DROP, {"positions": list(positions)})
    conn.execute(_DROPPED, {"position": max(positions)})


_STATE = Statement("SELECT position, dropped FROM feed_state")

_LOCK = Statement("SELECT position, dropped FROM feed_state FOR UPDATE SKIP LOCKED")

_UNNUMBERED = Statement("""
    SELECT a.cohort_id AS cohort, coalesce(h.last_seq, 0) + 1 AS first_seq,
           a.last_change AS last_seq
    FROM apply_state a LEFT JOIN feed_heads h ON h.cohort = a.cohort_id
    WHERE a.last_change > coalesce(h.last_seq, 0)
    ORDER BY a.cohort_id LIMIT :limit
""")

_PUT = text("""
    INSERT INTO feed (position, cohort, first_seq, last_seq)
    SELECT * FROM unnest(CAST(:positions AS bigint[]), CAST(:cohorts AS bigint[]),
                         CAST(:first_seqs AS bigint[]), CAST(:last_seqs AS bigint[]))
""")

_PUT_HEADS = text("""
    INSERT INTO feed_heads (cohort, last_seq)
    SELECT * FROM unnest(CAST(:cohorts AS bigint[]), CAST(:last_seqs AS bigint[]))
    ON CONFLICT (cohort) DO UPDATE SET last_seq = excluded.last_seq
""")

_ADVANCE = text("UPDATE feed_state SET position = :position")

_LIST = Statement("""
    SELECT position, cohort, first_seq, last_seq FROM feed
    WHERE position >= :position ORDER BY position LIMIT :limit
""")

_LIST_OF_SOURCE = Statement("""
    SELECT f.position, f.cohort, f.first_seq, f.last_seq
    FROM feed f JOIN cohorts c ON c.id = f.cohort JOIN sources s ON s.id = c.source_id
    WHERE f.position >= :position AND s.slug = :source
    ORDER BY f.position LIMIT :limit
""")

_OLDEST = Statement("""
    SELECT cohort_id, oldest_change FROM apply_state
    WHERE cohort_id = ANY(CAST(:cohort_ids AS bigint[]))
""")

_PRUNED = Statement("SELECT coalesce(sum(oldest_change - 1), 0) FROM apply_state")

_EXPIRED = Statement("""
    SELECT f.position
    FROM (SELECT position, cohort, last_seq FROM feed ORDER BY position LIMIT :limit) f
    JOIN apply_state a ON a.cohort_id = f.cohort
    WHERE f.last_seq < a.oldest_change
    ORDER BY f.position
""")

_DROP = text("DELETE FROM feed WHERE position = ANY(CAST(:positions AS bigint[]))")

_DROPPED = text("UPDATE feed_state SET dropped = greatest(dropped, :position)")
