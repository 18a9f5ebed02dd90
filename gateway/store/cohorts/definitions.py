"""Definitions of cohorts: each that a cohort ever had, numbered, and the cohorts that it names."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

cohort_definitions = Table(
    "cohort_definitions",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("by", Text),
    Column("at", NOW_TYPE, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("cohorts_named", ARRAY(BigInteger), nullable=False),
    Column("is_latest", Boolean, nullable=False),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definition:
    """A definition: its number within the cohort, and its author, the name of a key."""

    number: int
    by: str | None
    at: datetime.datetime
    definition: Mapping[str, Any]


def lock(conn: Connection) -> None:
    """Let no other transaction name cohorts in a definition until this one ends."""
    conn.execute(_LOCK)


def put(
    conn: Connection,
    cohort_id: int,
    written: str,
    named: Collection[int],
    *,
    by: str | None,
    now: datetime.datetime,
) -> int | None:
    """Number a definition, which is JSON; None if the cohort has the same already.

    The caller has locked the cohort.
    """
    parameters: dict[str, Any] = {"cohort_id": cohort_id, "definition": written}
    before = conn.execute(_BEFORE, parameters).one_or_none()
    if before is not None and before.same:
        return None
    number = 1 if before is None else int(before.number) + 1
    if before is not None:
        conn.execute(_OUTDATE, {"cohort_id": cohort_id})
    conn.execute(
        _PUT, parameters | {"number": number, "named": sorted(named), "by": by, "now": now}
    )
    return number


def latest(conn: Connection, cohort_id: int) -> Definition | None:
    row = conn.execute(_LATEST, {"cohort_id": cohort_id}).one_or_none()
    return None if row is None else Definition(**row._mapping)


def get(conn: Connection, cohort_id: int, number: int) -> Definition | None:
    row = conn.execute(_GET, {"cohort_id": cohort_id, "number": number}).one_or_none()
    return None if row is None else Definition(**row._mapping)


def listing(conn: Connection, cohort_id: int, *, limit: int) -> list[Definition]:
    """List the definitions of a cohort, the newest first."""
    rows = conn.execute(_LIST, {"cohort_id": cohort_id, "limit": limit})
    return [Definition(**row._mapping) for row in rows]


def there(conn: Connection, cohort_ids: Collection[int]) -> set[int]:
    """Tell which of some cohorts exist and are not deleted."""
    return set(conn.execute(_THERE, {"ids": sorted(cohort_ids)}).scalars())


def way_to(conn: Connection, cohort_ids: Collection[int], target: int) -> list[int] | None:
    """Find a way from some cohorts to one, along those that definitions name; None if none is."""
    parameters = {"ids": sorted(cohort_ids), "target": target}
    row = conn.execute(_WAY, parameters).one_or_none()
    return None if row is None else list(row.way)


_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('gateway.cohort_definitions'))")

_BEFORE = text("""
    SELECT number, definition = CAST(:definition AS jsonb) AS same FROM cohort_definitions
    WHERE cohort_id = :cohort_id AND is_latest
""")

_OUTDATE = text("""
    UPDATE cohort_definitions SET is_latest = false WHERE cohort_id = :cohort_id AND is_latest
""")

_PUT = text("""
    INSERT INTO cohort_definitions
        (cohort_id, number, by, at, definition, cohorts_named, is_latest)
    VALUES (:cohort_id, :number, :by, :now, CAST(:definition AS jsonb), CAST(:named AS bigint[]),
            true)
""")

_LATEST = text("""
    SELECT number, by, at, definition FROM cohort_definitions
    WHERE cohort_id = :cohort_id AND is_latest
""")

_GET = text("""
    SELECT number, by, at, definition FROM cohort_definitions
    WHERE cohort_id = :cohort_id AND number = :number
""")

_LIST = text("""
    SELECT number, by, at, definition FROM cohort_definitions
    WHERE cohort_id = :cohort_id ORDER BY number DESC LIMIT :limit
""")

_THERE = text("SELECT id FROM cohorts WHERE id = ANY(:ids) AND deleted_at IS NULL")

# Rules have no cycles by now, so the walk ends; a way is as long as a rule is deep in others.
_WAY = text("""
    WITH RECURSIVE now AS (
        SELECT cohort_id, cohorts_named FROM cohort_definitions WHERE is_latest
    ), walk (cohort_id, way) AS (
        SELECT u.id, ARRAY[u.id] FROM unnest(CAST(:ids AS bigint[])) AS u (id)
        UNION ALL
        SELECT n.id, w.way || n.id FROM walk w
        JOIN now ON now.cohort_id = w.cohort_id
        CROSS JOIN LATERAL unnest(now.cohorts_named) AS n (id)
        WHERE w.cohort_id <> :target AND n.id <> ALL(w.way)
    )
    SELECT way FROM walk WHERE cohort_id = :target ORDER BY cardinality(way) LIMIT 1
""")
