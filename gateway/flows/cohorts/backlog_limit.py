"""How much may wait and how quickly it may come, before senders are asked to slow down."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

import structlog

from gateway import errors, metrics
from gateway.store.cohorts import cohorts, inbox, rates

if TYPE_CHECKING:
    from gateway.core.cohorts.page import SourceRef
    from gateway.store.db.engine import Pool

COUNT_BELIEVED_SECONDS = 1.0
# With less room than this left, the backlog is counted for each page.
CAREFUL_PAGES = 1000
RETRY_BACKLOG_SECONDS = 10

MAX_COHORTS = 10_000
# An operator has to act; Mixpanel comes back at the next half-hour anyway.
RETRY_COHORTS_SECONDS = 600
# No page needs the backlog to be stored. Where it cannot be counted in this time, because one of
# the machines that Postgres is spread over is down, the last count stands and is tried again later.
COUNT_LIMIT_SECONDS = 1.0
COUNT_AGAIN_SECONDS = 5.0

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class _Count:
    """How many pages wait, believed until a moment of the monotonic clock.

    After that, every page counts anew if `careful`; otherwise one does, and those that come
    meanwhile go by this count.
    """

    pages: int
    until: float
    careful: bool


class Limits:
    """The backlog limit of the whole gateway and the rate limit of each source."""

    def __init__(
        self,
        pool: Pool,
        *,
        max_pending_pages: int,
        rate_per_second: int | None,
        max_cohorts: int = MAX_COHORTS,
    ) -> None:
        self._pool = pool
        self._max_cohorts = max_cohorts
        self._max_pending_pages = max_pending_pages
        self._rate_per_second = rate_per_second
        self._count = _Count(0, float("-inf"), careful=True)
        self._lock = threading.Lock()

    def require(self, source_id: int) -> None:
        """Raise errors.RateLimited if the backlog is full or the source is too quick."""
        if self._rate_per_second is not None:
            with self._pool.read() as conn:
                requests = rates.count(conn, source_id, second=int(time.time()))
            if requests > self._rate_per_second:
                message = f"more than {self._rate_per_second} requests a second; slow down"
                raise errors.RateLimited(message, retry_after_seconds=1)
        if self._pending_pages() >= self._max_pending_pages:
            message = f"{self._max_pending_pages} pages are waiting to be applied; try again later"
            raise errors.RateLimited(message, retry_after_seconds=RETRY_BACKLOG_SECONDS)

    def require_room(self, source: SourceRef, cohort_key: bytes) -> None:
        """Raise errors.RateLimited if a source has as many cohorts as it may, and not this one.

        It may have been created since the caller looked. Of several new ones at once a few too many
        may pass: a lock would have every new cohort of a source wait for the one before.
        """
        with self._pool.read() as conn:
            if cohorts.count(conn, source.id, most=self._max_cohorts) < self._max_cohorts:
                return
            known = cohorts.find(conn, source.id, cohort_key)
        if known is None:
            metrics.refused_cohort(source.slug)
            message = (
                f"this source has {self._max_cohorts} cohorts already; delete some that are not"
                " needed, or raise GATEWAY_MAX_COHORTS"
            )
            raise errors.RateLimited(message, retry_after_seconds=RETRY_COHORTS_SECONDS)

    def _pending_pages(self) -> int:
        with self._lock:
            last, now = self._count, time.monotonic()
            if now < last.until:
                return last.pages
            if not last.careful:
                self._count = dataclasses.replace(last, until=now + COUNT_AGAIN_SECONDS)
        count = self._counted(last)
        with self._lock:
            self._count = count
        return count.pages

    def _counted(self, last: _Count) -> _Count:
        try:
            with self._pool.read(limit_seconds=COUNT_LIMIT_SECONDS) as conn:
                pages = inbox.pending_pages(conn)
        except errors.GatewayError as error:
            _log.warning("backlog.uncounted", code=error.code, reason=str(error), last=last.pages)
            until = time.monotonic() + COUNT_AGAIN_SECONDS
            return _Count(last.pages, until, careful=False)
        careful = self._max_pending_pages - pages <= CAREFUL_PAGES
        believed_seconds = 0.0 if careful else COUNT_BELIEVED_SECONDS
        return _Count(pages, time.monotonic() + believed_seconds, careful=careful)
