"""Exports: every member of a cohort at one moment, as lines that Postgres writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg2
from sqlalchemy import text

from gateway import errors
from gateway.store.db import timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

CHUNK_BYTES: Final = 128 * 1024

# JSON text holds no control character, so with these for delimiter and quote COPY changes nothing.
# Three columns and no `row_to_json`, which costs a third more: see `_join`.
_NDJSON: Final = r"""
    COPY (
        SELECT json_object(
                   '{member_id,distinct_id,email,first_name,last_name,phone}',
                   ARRAY[member_id, distinct_id, email, first_name, last_name, phone]),
               coalesce(properties, '{}'),
               to_json(to_char(
                   entered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))
        FROM memberships WHERE cohort_id = %s AND entered_at IS NOT NULL ORDER BY member_id
    ) TO STDOUT (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
"""

_CSV: Final = """
    COPY (
        SELECT member_id, distinct_id, email, first_name, last_name, phone,
               coalesce(properties, '{}') AS properties,
               to_char(entered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
                   AS entered_at
        FROM memberships WHERE cohort_id = %s AND entered_at IS NOT NULL ORDER BY member_id
    ) TO STDOUT (FORMAT csv, HEADER)
"""

_SNAPSHOT: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def begin(conn: Connection, *, limit_seconds: float) -> None:
    """Let this transaction see one moment only, and give its statements so much time."""
    conn.execute(_SNAPSHOT)
    timeouts.allow(conn, statement_seconds=limit_seconds, lock_seconds=limit_seconds)


def ndjson(conn: Connection, cohort_id: int, write: Callable[[bytes], object]) -> None:
    """Write each member as a line of JSON. Raises errors.Unavailable, and what `write` raises."""
    _copy(conn, _NDJSON, cohort_id, lambda chunk: write(_join(chunk)))


def csv(conn: Connection, cohort_id: int, write: Callable[[bytes], object]) -> None:
    """Write a header and each member as a line of CSV (RFC 4180, but lines end in LF).

    Raises errors.Unavailable, and what `write` raises.
    """
    _copy(conn, _CSV, cohort_id, write)


class _Chunks:
    """What COPY writes to, a line at a time; passes chunks of whole lines on."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._bytes = 0

    def write(self, line: bytes) -> None:
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            self._write(b"".join(self._lines))
        self._lines, self._bytes = [], 0


def _copy(
    conn: Connection, statement: str, cohort_id: int, write: Callable[[bytes], object]
) -> None:
    chunks = _Chunks(write)
    cursor = conn.connection.cursor()
    try:
        cursor.copy_expert(cursor.mogrify(statement, (cohort_id,)).decode(), chunks)
        chunks.flush()
    except psycopg2.Error as error:
        conn.invalidate()
        raise errors.Unavailable("the database did not finish a stream") from error
    except BaseException:
        conn.invalidate()  # it is in the middle of a COPY without a reader
        raise


def _join(chunk: bytes) -> bytes:
    """Make one JSON object of the three columns of each line.

    They are `{…}`, the object of properties and a quoted time; the delimiter is in none of them.
    """
    named = chunk.replace(b"}\x01{", b',"properties":{').replace(b'}\x01"', b'},"entered_at":"')
    return named.replace(b"\n", b"}\n")
