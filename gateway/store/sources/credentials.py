"""Credentials of sources: hashed passwords with their names, and until when each is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.access.secrets import HashedPassword


def add(
    conn: Connection,
    source_id: int,
    *,
    username: str,
    password: HashedPassword,
    now: datetime.datetime,
) -> None:
    """Let one more name and password open the source."""
    conn.execute(
        _ADD,
        {
            "source_id": source_id,
            "username": username,
            "salt": password.salt,
            "hash": password.hash,
            "now": now,
        },
    )


def expire(conn: Connection, source_id: int, *, at: datetime.datetime) -> int:
    """End the validity of every credential of a source at a moment; returns how many."""
    return conn.execute(_EXPIRE, {"source_id": source_id, "at": at}).rowcount


def drop_all(conn: Connection, source_id: int) -> None:
    """Forget every credential of a source."""
    conn.execute(_DROP_ALL, {"source_id": source_id})


def drop_expired(conn: Connection, source_id: int, *, before: datetime.datetime) -> None:
    """Forget the credentials of a source that ended before a moment."""
    conn.execute(_DROP_EXPIRED, {"source_id": source_id, "before": before})


_ADD = text("""
    INSERT INTO source_credentials (source_id, username, salt, hash, created_at)
    VALUES (:source_id, :username, :salt, :hash, :now)
""")

_EXPIRE = text("""
    UPDATE source_credentials SET expires_at = :at
    WHERE source_id = :source_id AND (expires_at IS NULL OR expires_at > :at)
""")

_DROP_ALL = text("DELETE FROM source_credentials WHERE source_id = :source_id")

_DROP_EXPIRED = text("""
    DELETE FROM source_credentials WHERE source_id = :source_id AND expires_at < :before
""")
