"""Sessions of the console: which key opened one, and when it was used last.

A session is kept by the hash of its id. It is good only while its key is, which is looked at with
every use.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """A session that has not ended: its key's name and scopes."""

    key_name: str
    scopes: tuple[str, ...]


def create(conn: Connection, session_hash: bytes, *, key_id: int, now: datetime.datetime) -> None:
    conn.execute(_CREATE, {"hash": session_hash, "key_id": key_id, "now": now})


def find(
    conn: Connection,
    session_hash: bytes,
    *,
    now: datetime.datetime,
    created_since: datetime.datetime,
    used_since: datetime.datetime,
    note_before: datetime.datetime,
) -> Session | None:
    """Find a session that began and was used since these moments, and has a key that is valid.

    Its use is noted if the last one noted was before a moment: in the same statement, since every
    page has one.
    """
    parameters = {
        "hash": session_hash,
        "now": now,
        "created_since": created_since,
        "used_since": used_since,
        "note_before": note_before,
    }
    row = conn.execute(_FIND, parameters).one_or_none()
    return None if row is None else Session(**{**row._mapping, "scopes": tuple(row.scopes)})


def end(conn: Connection, session_hash: bytes) -> bool:
    """End a session; False if there was none."""
    return conn.execute(_END, {"hash": session_hash}).rowcount == 1


def prune(
    conn: Connection, *, created_before: datetime.datetime, used_before: datetime.datetime
) -> int:
    """Delete the sessions that time has ended; returns how many."""
    parameters = {"created_before": created_before, "used_before": used_before}
    return conn.execute(_PRUNE, parameters).rowcount


_CREATE = text("""
    INSERT INTO console_sessions (hash, key_id, created_at, used_at)
    VALUES (:hash, :key_id, :now, :now)
""")

# The SELECT sees the row as it was before the UPDATE. One that has ended is not used again.
_FIND = text("""
    WITH used AS (
        UPDATE console_sessions SET used_at = :now
        WHERE hash = :hash AND used_at < :note_before AND used_at > :used_since)
    SELECT k.name AS key_name, k.scopes
    FROM console_sessions s JOIN api_keys k ON k.id = s.key_id
    WHERE s.hash = :hash AND s.created_at > :created_since AND s.used_at > :used_since
      AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now)
""")

_END = text("DELETE FROM console_sessions WHERE hash = :hash")

_PRUNE = text("""
    DELETE FROM console_sessions
    WHERE created_at <= :created_before OR used_at <= :used_before
""")
