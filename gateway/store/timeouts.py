"""Time limits of one transaction: those that differ from its pool's, or all of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    import psycopg2.extensions
    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What Postgres allows in milliseconds: a statement, a wait for a lock, a silence."""

    statement_ms: int
    lock_ms: int
    idle_ms: int


def are_in_force(connection: psycopg2.extensions.connection, limits: Limits) -> bool:
    """Tell whether a new connection has these limits, and our time zone."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, dataclasses.asdict(limits))
        return cursor.fetchone() == (True,)


def impose(conn: Connection, limits: Limits) -> None:
    """Give a transaction these limits, and our time zone, before it does anything else."""
    conn.execute(_IMPOSE, dataclasses.asdict(limits))


def allow(conn: Connection, *, statement_seconds: float, lock_seconds: float) -> None:
    """Give each statement of this transaction so much time, and so much of it to wait for locks.

    The caller tells the pool too (`Pool.begin`), or its watchdog cuts the connection earlier.
    """
    conn.execute(_ALLOW_STATEMENT, {"milliseconds": max(1, int(statement_seconds * 1000))})
    conn.execute(_ALLOW_LOCK, {"milliseconds": max(1, int(lock_seconds * 1000))})


# Citus hands SET LOCAL on to the nodes that hold the rows, and `set_config` it does not. It sends
# the whole text that a SET stands in, so nothing else stands there.
_ALLOW_STATEMENT = text("SET LOCAL statement_timeout = :milliseconds")

_ALLOW_LOCK = text("SET LOCAL lock_timeout = :milliseconds")

_IN_FORCE: Final = """
    SELECT (CAST(current_setting('statement_timeout') AS interval),
            CAST(current_setting('lock_timeout') AS interval),
            CAST(current_setting('idle_in_transaction_session_timeout') AS interval),
            current_setting('timezone'))
         = (make_interval(secs => %(statement_ms)s / 1000.0),
            make_interval(secs => %(lock_ms)s / 1000.0),
            make_interval(secs => %(idle_ms)s / 1000.0),
            'UTC')
"""

# SET, which needs no snapshot: one would keep the transaction from choosing its isolation.
_IMPOSE = text("""
    SET LOCAL statement_timeout = :statement_ms;
    SET LOCAL lock_timeout = :lock_ms;
    SET LOCAL idle_in_transaction_session_timeout = :idle_ms;
    SET LOCAL timezone = 'UTC';
    SET LOCAL client_min_messages = 'warning'
""")
