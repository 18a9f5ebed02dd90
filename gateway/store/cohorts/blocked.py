"""Blocked deliveries: pages that applying gave up on, kept until an operator asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.store.db.statement import Line


def put(
    conn: Connection,
    cohort_id: int,
    number: int,
    *,
    attempts: int,
    code: str,
    reason: str,
    now: datetime.datetime,
) -> None:
    """Set a delivery aside; one that was retried in vain is set aside again."""
    conn.execute(
        _PUT,
        {
            "cohort_id": cohort_id,
            "number": number,
            "attempts": attempts,
            "code": code,
            "reason": reason,
            "now": now,
        },
    )


def requested(line: Line, cohort_id: int) -> int | None:
    """Return the oldest delivery that an operator wants tried again."""
    number: int | None
    (number,) = _REQUESTED.column(line, {"cohort_id": cohort_id})
    return number


def clear(conn: Connection, cohort_id: int, number: int) -> None:
    """Forget that a delivery was blocked: it has been applied."""
    conn.execute(_CLEAR, {"cohort_id": cohort_id, "number": number})


_PUT = text("""
    INSERT INTO blocked_deliveries (cohort_id, number, attempts, code, reason, blocked_at)
    VALUES (:cohort_id, :number, :attempts, :code, :reason, :now)
    ON CONFLICT (cohort_id, number) DO UPDATE
    SET attempts = blocked_deliveries.attempts + 1, code = excluded.code,
        reason = excluded.reason, blocked_at = excluded.blocked_at, retry_requested_at = NULL
""")

_REQUESTED = Statement("""
    SELECT min(number) FROM blocked_deliveries
    WHERE cohort_id = :cohort_id AND retry_requested_at IS NOT NULL
""")

_CLEAR = text("""
    DELETE FROM blocked_deliveries WHERE cohort_id = :cohort_id AND number = :number
""")
