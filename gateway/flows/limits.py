"""How much may wait and how quickly it may come, before senders are asked to slow down."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

from gateway import errors
from gateway.store import inbox, rates

if TYPE_CHECKING:
    from gateway.store.engine import Pool

COUNT_BELIEVED_SECONDS = 1.0
# With less room than this left, the backlog is counted for each page.
CAREFUL_PAGES = 1000
RETRY_BACKLOG_SECONDS = 10


@dataclasses.dataclass
class _Count:
    pages: int
    at: float


class Limits:
    """The backlog limit of the whole gateway and the rate limit of each source."""

    def __init__(self, pool: Pool, *, max_pending_pages: int, rate_per_second: int | None) -> None:
        self._pool = pool
        self._max_pending_pages = max_pending_pages
        self._rate_per_second = rate_per_second
        self._count = _Count(0, float("-inf"))
        self._lock = threading.Lock()

    def require(self, source_id: int) -> None:
        """Raise errors.Throttled if the backlog is full or the source is too quick."""
        if self._rate_per_second is not None:
            with self._pool.read() as conn:
                requests = rates.count(conn, source_id, second=int(time.time()))
            if requests > self._rate_per_second:
                message = f"more than {self._rate_per_second} requests a second; slow down"
                raise errors.Throttled(message, retry_after_seconds=1)
        if self._pending_pages() >= self._max_pending_pages:
            message = f"{self._max_pending_pages} pages are waiting to be applied; try again later"
            raise errors.Throttled(message, retry_after_seconds=RETRY_BACKLOG_SECONDS)

    def _pending_pages(self) -> int:
        with self._lock:
            count = self._count
            fresh = time.monotonic() - count.at < COUNT_BELIEVED_SECONDS
            if fresh and self._max_pending_pages - count.pages > CAREFUL_PAGES:
                return count.pages
        with self._pool.read() as conn:
            pages = inbox.pending_pages(conn)
        with self._lock:
            self._count = _Count(pages, time.monotonic())
        return pages
