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
    parameters = {
        "statement": f"{max(1, int(statement_seconds * 1000))}ms",
        "lock": f"{max(1, int(lock_seconds * 1000))}ms",
    }
    conn.execute(_ALLOW, parameters)


_ALLOW = text("""
    SELECT set_config('statement_timeout', :statement, true),
           set_config('lock_timeout', :lock, true)
""")
