"""Whether the gateway can work: Postgres answers and its schema is this code's."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from gateway import errors
from gateway.store import migrate, timeouts

if TYPE_CHECKING:
    from gateway.store.engine import Pool

# How long a good answer is believed; a bad one is never.
BELIEVED_SECONDS = 2.0

# A migration may have a large table to walk through, and another process's to wait for.
MIGRATE_SECONDS = 3600.0


class Readiness:
    """Remembers for a moment that the schema is at its head, or at that of a newer version."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._outdated = migrate.outdated()
        self._believed_until = 0.0
        self._lock = threading.Lock()

    def require(self) -> None:
        """Raise errors.Unavailable unless Postgres answers and no migration is pending."""
        if time.monotonic() < self._believed_until:
            return
        with self._pool.read() as conn:
            revision = migrate.current(conn)
        if revision in self._outdated:
            message = "database migrations are pending; run `python -m gateway migrate`"
            raise errors.Unavailable(message)
        with self._lock:
            self._believed_until = time.monotonic() + BELIEVED_SECONDS


def migrate_database(pool: Pool) -> str:
    """Bring the schema to its head; two at once take turns, and a second run does nothing.

    Returns the revision that the database is at then, which may be a newer version's.
    """
    with pool.begin(limit_seconds=MIGRATE_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=MIGRATE_SECONDS, lock_seconds=MIGRATE_SECONDS)
        migrate.upgrade(conn)
        return migrate.current(conn) or migrate.head()
