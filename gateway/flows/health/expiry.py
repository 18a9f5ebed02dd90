"""When the first of Mixpanel's snapshots expires: a search over all cohorts, beside the scrapes.

With many cohorts it takes seconds, and what it finds changes in hours. So it has a thread and time
of its own, and a scrape that it does not answer at once tells what it found last.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts import freshness
from gateway.store.db import timeouts
from gateway.store.health import meters

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from gateway.store.db.engine import Pool
    from gateway.store.health.meters import Success

SEARCH_SECONDS: Final = 60.0
LOCK_SECONDS: Final = 1.0


class Search:
    """Looks for the oldest successes of each source in the background, one search at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._crew = concurrent.futures.ThreadPoolExecutor(1, "watch-expiry")
        self._lock = threading.Lock()
        self._asked: concurrent.futures.Future[None] | None = None
        self._found: Sequence[Success] = ()

    def successes(self, now: datetime.datetime, *, wait_seconds: float) -> Sequence[Success]:
        """Return what is found within some seconds, or what was found last; nothing at first."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._crew.submit(self._search, now)
            asked = self._asked
        with contextlib.suppress(TimeoutError, errors.GatewayError):
            asked.result(wait_seconds)
        return self._found

    def _search(self, now: datetime.datetime) -> None:
        with self._pool.begin(limit_seconds=SEARCH_SECONDS) as conn:
            timeouts.allow(conn, statement_seconds=SEARCH_SECONDS, lock_seconds=LOCK_SECONDS)
            self._found = meters.oldest_successes(conn, since=freshness.snapshots_since(now))
