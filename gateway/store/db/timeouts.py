"""Time limits of one transaction that differ from its pool's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


def allow(conn: Connection, *, statement_seconds: float, lock_seconds: float) -> None:
    """Give each statement of this transaction so much time, and so much of it to wait for locks.

    The caller tells the pool too (`Pool.begin`), or its watchdog cuts the connection earlier.
    """
    conn.execute(_ALLOW_STATEMENT, {"milliseconds": max(1, int(statement_seconds * 1000))})
    conn.execute(_ALLOW_LOCK, {"milliseconds": max(1, int(lock_seconds * 1000))})


def allow_silence(conn: Connection, *, seconds: float) -> None:
    """Let code pause for so long between two statements of this transaction."""
    conn.execute(_ALLOW_SILENCE, {"milliseconds": int(seconds * 1000)})


# Citus hands SET LOCAL on to the nodes that hold the rows, and `set_config` it does not. It sends
# the whole text that a SET stands in, so nothing else stands there.
_ALLOW_STATEMENT = text("SET LOCAL statement_timeout = :milliseconds")

_ALLOW_SILENCE = text("SET LOCAL idle_in_transaction_session_timeout = :milliseconds")

_ALLOW_LOCK = text("SET LOCAL lock_timeout = :milliseconds")
