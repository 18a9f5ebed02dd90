"""Rows of loads for a person to look at: the first ones, and those that were rejected."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Load
    from gateway.store.db.statement import Line

# The page that has the first rows as they were understood.
SAMPLE: Final = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some rows of a load, packed; none of them is of a person erased up to `clean_through`."""

    cohort_id: int
    load: int
    page: int
    rows: bytes
    clean_through: int


def put(line: Line, load: Load, page: int, packed: bytes, *, now: datetime.datetime) -> None:
    """Store rows of a page, in place of those that are stored already."""
    parameters = {
        "cohort_id": load.cohort_id,
        "load": load.number,
        "page": page,
        "rows": packed,
        "session": load.session,
        "now": now,
    }
    _PUT.run(line, parameters)


def drop(conn: Connection, load: Load) -> None:
    """Delete all rows of a load."""
    conn.execute(_DROP, {"cohort_id": load.cohort_id, "load": load.number})


def sample(conn: Connection, cohort_id: int, load: int) -> Chunk | None:
    """Read the first rows of a load."""
    return next(_chunks(conn, cohort_id, load, after=SAMPLE - 1, through=SAMPLE), None)


def rejected(conn: Connection, cohort_id: int, load: int, *, after: int) -> Chunk | None:
    """Read the rejected rows of the next page that has some."""
    return next(_chunks(conn, cohort_id, load, after=after, through=2**62), None)


def unclean(conn: Connection, *, through: int, limit: int) -> list[Chunk]:
    """Read rows, the oldest first, in which people may be that were erased up to `through`."""
    rows = conn.execute(_UNCLEAN, {"through": through, "limit": limit}).mappings()
    return [Chunk(**{**row, "rows": bytes(row["rows"])}) for row in rows]


def clean(conn: Connection, chunk: Chunk, packed: bytes | None, *, through: int) -> None:
    """Note that rows are clean, in their new form if that is another one, unless others did."""
    parameters = dataclasses.asdict(chunk) | {"rows": packed or chunk.rows, "through": through}
    conn.execute(_CLEAN, parameters)


def newest_erasure(conn: Connection, *, before: datetime.datetime) -> int:
    """Return the order of the newest erasure before a moment, 0 before the first."""
    return int(conn.execute(_NEWEST_ERASURE, {"before": before}).scalar_one())


def prune(conn: Connection, cohort_id: int, *, before: datetime.datetime) -> int:
    """Delete rows that were stored before a moment; returns how many pages of them."""
    return conn.execute(_PRUNE, {"cohort_id": cohort_id, "before": before}).rowcount


def _chunks(
    conn: Connection, cohort_id: int, load: int, *, after: int, through: int
) -> Iterator[Chunk]:
    parameters = {"cohort_id": cohort_id, "load": load, "after": after, "through": through}
    rows: Sequence[object] = _NEXT.rows(conn, parameters)
    for row in rows:
        fields = row._asdict()  # type: ignore[attr-defined]
        yield Chunk(**{**fields, "rows": bytes(fields["rows"])})


# What is read from now on is without the people erased since the load took its place.
_PUT = Statement("""
    INSERT INTO load_rows (cohort_id, load, page, rows, clean_through, stored_at)
    SELECT cohort_id, :load, :page, :rows, started_order, :now
    FROM sessions WHERE cohort_id = :cohort_id AND number = :session
    ON CONFLICT (cohort_id, load, page) DO UPDATE
    SET rows = excluded.rows, clean_through = excluded.clean_through
""")

_DROP = text("DELETE FROM load_rows WHERE cohort_id = :cohort_id AND load = :load")

_NEXT = Statement("""
    SELECT cohort_id, load, page, rows, clean_through FROM load_rows
    WHERE cohort_id = :cohort_id AND load = :load AND page > :after AND page <= :through
    ORDER BY page LIMIT 1
""")

_UNCLEAN = text("""
    SELECT cohort_id, load, page, rows, clean_through FROM load_rows
    WHERE clean_through < :through
    ORDER BY cohort_id, load, page LIMIT :limit
""")

_CLEAN = text("""
    UPDATE load_rows SET rows = :rows, clean_through = :through
    WHERE cohort_id = :cohort_id AND load = :load AND page = :page
      AND clean_through = :clean_through
""")

_NEWEST_ERASURE = text("""
    SELECT coalesce(max(erased_order), 0) FROM erasures WHERE erased_at <= :before
""")

_PRUNE = text("""
    DELETE FROM load_rows WHERE cohort_id = :cohort_id AND stored_at < :before
""")
