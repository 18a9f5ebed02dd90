"""Stops transactions at a chosen place, so that tests can put others in between."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

PATIENCE_SECONDS: Final = 10.0


@contextlib.contextmanager
def closed(pool: Pool, table: str) -> Iterator[None]:
    """Let nobody write to a table until the end of the block; reading goes on."""
    with pool.begin() as conn:
        conn.execute(_CLOSE[table])
        yield


@contextlib.contextmanager
def applying(pool: Pool, cohort_id: int) -> Iterator[Connection]:
    """Hold a cohort as somebody who applies to it does, until the end of the block."""
    with pool.begin() as conn:
        conn.execute(_HOLD, {"cohort_id": cohort_id})
        yield conn


def await_waiting(pool: Pool, count: int = 1) -> None:
    """Return once so many connections wait for a lock."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with pool.read() as conn:
            if conn.execute(_WAITING).scalar_one() >= count:
                return
        assert time.monotonic() < end, "nobody waits for a lock"
        time.sleep(0.01)


_CLOSE: Final = {
    "deliveries": text("LOCK TABLE deliveries IN EXCLUSIVE MODE"),
    "changes": text("LOCK TABLE changes IN EXCLUSIVE MODE"),
}

_HOLD: Final = text("SELECT 1 FROM apply_state WHERE cohort_id = :cohort_id FOR NO KEY UPDATE")

_WAITING: Final = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")
