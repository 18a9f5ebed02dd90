"""Whether the gateway can work: Postgres answers and its schema is this code's."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from gateway import errors
from gateway.store import revisions

if TYPE_CHECKING:
    from gateway.store.engine import Pool

# How long a good answer is believed; a bad one is never.
BELIEVED_SECONDS = 2.0


class Readiness:
    """Remembers for a moment that the schema is at its head, or at that of a newer version."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._outdated = revisions.outdated()
        self._believed_until = 0.0
        self._lock = threading.Lock()

    def require(self) -> None:
        """Raise errors.Unavailable unless Postgres answers and no migration is pending."""
        if time.monotonic() < self._believed_until:
            return
        with self._pool.read() as conn:
            revision = revisions.current(conn)
        if revision in self._outdated:
            message = "database migrations are pending; run `python -m gateway migrate`"
            raise errors.Unavailable(message)
        with self._lock:
            self._believed_until = time.monotonic() + BELIEVED_SECONDS
