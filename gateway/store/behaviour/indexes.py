"""Indexes of properties of events: one on each month, built while events come in.

A month is a table of its own, so its index is built and dropped without holding anything up, and
none is on the table of all months, which could not be altered like that. What a process has left
half built is not valid: it is dropped and built again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, cast

from psycopg2 import sql
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, and_, text
from sqlalchemy import Index as SqlIndex
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateIndex, DropIndex
from sqlalchemy.sql.elements import Grouping

from gateway.store.behaviour import values

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.behaviour.rule import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Index:
    """The index of a property of a name's events; `state` is building, ready or failed."""

    source: str
    name: str
    path: Path
    state: str
    error: str | None
    requested_at: datetime.datetime
    ready_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """The index of one month: whether it is there, is valid, and is being built by a process."""

    id: int
    source_id: int
    name: str
    path: Path
    state: str
    month: str
    is_there: bool
    is_valid: bool
    is_busy: bool


def request(
    conn: Connection, source_id: int, name: str, path: Path, *, now: datetime.datetime, most: int
) -> bool:
    """Have an index built, one that failed or goes once more; False if there are `most` already.

    Of some requests at once a few more may be made.
    """
    parameters = {"source_id": source_id, "name": name, "path": list(path), "now": now}
    conn.execute(_AGAIN, parameters)
    return bool(conn.execute(_REQUEST, parameters | {"most": most}).rowcount)


def request_drop(conn: Connection, source_id: int, name: str, path: Path) -> bool:
    """Have an index dropped; False if there is none."""
    parameters = {"source_id": source_id, "name": name, "path": list(path)}
    return bool(conn.execute(_REQUEST_DROP, parameters).rowcount)


def listing(conn: Connection, source_id: int) -> list[Index]:
    """List the indexes of a source by name and path."""
    rows = conn.execute(_LIST, {"source_id": source_id})
    return [Index(**{**row._mapping, "path": tuple(row.path)}) for row in rows]


def ready(conn: Connection, source_id: int) -> frozenset[tuple[str, Path]]:
    """Name the properties of a source that have an index, each with the name of its events."""
    rows = conn.execute(_READY, {"source_id": source_id})
    return frozenset((row.name, tuple(row.path)) for row in rows)


def drop_orphans(conn: Connection) -> None:
    """Have the indexes of removed sources dropped."""
    conn.execute(_ORPHANS)


def pieces(conn: Connection) -> list[Piece]:
    """List the months that an index is to be built or dropped on, the oldest request first."""
    rows = conn.execute(_PIECES)
    return [Piece(**{**row._mapping, "path": tuple(row.path)}) for row in rows]


def build(conn: Connection, piece: Piece) -> None:
    """Build the index of a month, in autocommit, and have the planner know its values."""
    conn.execute(CreateIndex(_index(piece), if_not_exists=True))
    driver = cast("Any", conn.connection.dbapi_connection)
    driver.cursor().execute(_ANALYZE.format(month=sql.Identifier(piece.month)))


def drop(conn: Connection, piece: Piece) -> None:
    """Drop the index of a month, in autocommit."""
    conn.execute(DropIndex(_index(piece), if_exists=True))


def settle(conn: Connection, *, now: datetime.datetime) -> list[int]:
    """Note what was built and dropped on every month; returns the ids of what became ready."""
    conn.execute(_GONE)
    return list(conn.execute(_SETTLE, {"now": now}).scalars())


def fail(conn: Connection, index_id: int, error: str, *, for_good: bool) -> None:
    """Note why an index was not built; it is tried again, unless that was for good."""
    conn.execute(_FAIL, {"id": index_id, "error": error, "for_good": for_good})


def _index(piece: Piece) -> SqlIndex:
    month = Table(
        piece.month,
        MetaData(),
        Column("source_id", BigInteger),
        Column("time", DateTime(timezone=True)),
        Column("name", Text),
        Column("properties", JSONB),
    ).c
    return SqlIndex(
        f"{piece.month}_i{piece.id}",
        Grouping(values.key_at(month.properties, piece.path)),
        month.time,
        postgresql_where=and_(month.source_id == piece.source_id, month.name == piece.name),
        postgresql_concurrently=True,
    )


_AGAIN = text("""
    UPDATE event_indexes
    SET state = 'building', error = NULL, requested_at = :now, ready_at = NULL
    WHERE source_id = :source_id AND name = :name AND path = :path
      AND state IN ('failed', 'dropping')
""")

_REQUEST = text("""
    INSERT INTO event_indexes (source_id, name, path, state, requested_at)
    SELECT :source_id, :name, CAST(:path AS text[]), 'building', :now
    WHERE (SELECT count(*) FROM event_indexes WHERE source_id = :source_id
           AND (name, path) <> (:name, CAST(:path AS text[]))) < :most
    ON CONFLICT (source_id, name, path) DO UPDATE SET name = excluded.name
""")

_REQUEST_DROP = text("""
    UPDATE event_indexes SET state = 'dropping'
    WHERE source_id = :source_id AND name = :name AND path = :path AND state <> 'dropping'
""")

_LIST = text("""
    SELECT s.slug AS source, x.name, x.path, x.state, x.error, x.requested_at, x.ready_at
    FROM event_indexes x JOIN sources s ON s.id = x.source_id
    WHERE x.source_id = :source_id AND x.state <> 'dropping' ORDER BY x.name, x.path
""")

_READY = text("""
    SELECT name, path FROM event_indexes WHERE source_id = :source_id AND state = 'ready'
""")

_ORPHANS = text("""
    UPDATE event_indexes SET state = 'dropping'
    WHERE state <> 'dropping'
      AND source_id IN (SELECT id FROM sources WHERE removed_at IS NOT NULL)
""")

# The index of a month is found by its name. One that a process builds has its progress told.
_PIECES = text("""
    SELECT x.id, x.source_id, x.name, x.path, x.state, m.relname AS month,
           c.oid IS NOT NULL AS is_there, coalesce(v.indisvalid, false) AS is_valid,
           EXISTS (SELECT FROM pg_stat_progress_create_index p
                   WHERE p.datname = current_database() AND p.relid = m.oid) AS is_busy
    FROM event_indexes x
    CROSS JOIN (SELECT t.oid, t.relname, t.relnamespace
                FROM pg_inherits i JOIN pg_class t ON t.oid = i.inhrelid
                WHERE i.inhparent = to_regclass('events')) m
    LEFT JOIN pg_class c
        ON c.relnamespace = m.relnamespace AND c.relname = m.relname || '_i' || x.id
    LEFT JOIN pg_index v ON v.indexrelid = c.oid
    WHERE CASE x.state WHEN 'dropping' THEN c.oid IS NOT NULL
                       WHEN 'failed' THEN c.oid IS NOT NULL AND NOT v.indisvalid
                       ELSE NOT coalesce(v.indisvalid, false) END
    ORDER BY x.id, m.relname
""")

# Those of which no month has anything left.
_GONE = text("""
    DELETE FROM event_indexes x WHERE x.state = 'dropping' AND NOT EXISTS (
        SELECT FROM pg_inherits i
        JOIN pg_class t ON t.oid = i.inhrelid
        JOIN pg_class c ON c.relnamespace = t.relnamespace AND c.relname = t.relname || '_i' || x.id
        WHERE i.inhparent = to_regclass('events'))
""")

_SETTLE = text("""
    UPDATE event_indexes x SET state = 'ready', error = NULL, ready_at = :now
    WHERE x.state = 'building' AND NOT EXISTS (
        SELECT FROM pg_inherits i
        JOIN pg_class t ON t.oid = i.inhrelid
        LEFT JOIN pg_class c
            ON c.relnamespace = t.relnamespace AND c.relname = t.relname || '_i' || x.id
        LEFT JOIN pg_index v ON v.indexrelid = c.oid
        WHERE i.inhparent = to_regclass('events') AND NOT coalesce(v.indisvalid, false))
    RETURNING id
""")

_FAIL = text("""
    UPDATE event_indexes
    SET error = :error, state = CASE WHEN :for_good THEN 'failed' ELSE state END
    WHERE id = :id AND state IN ('building', 'ready')
""")

_ANALYZE: Final = sql.SQL("ANALYZE {month}")
