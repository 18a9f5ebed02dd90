"""Pacing: how often a destination is asked in a time, by all senders that share a Redis.

Redis may be away at any time. Each process then counts its own requests alone, those of before
included, and asks Redis again after a while.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import structlog
from limits import errors as limits_errors
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from gateway import jobs

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.storage import Storage

PREFIX: Final = "gateway:pace"
TIMEOUT_SECONDS: Final = 1.0
# After a failure of Redis nothing waits for it for so long.
AGAIN_SECONDS: Final = 5.0
_LEAST_SECONDS: Final = 0.01

_log = structlog.get_logger()


class Pace:
    """Counts requests; several threads may use it."""

    def __init__(
        self, shared: Storage | None = None, *, again_seconds: float = AGAIN_SECONDS
    ) -> None:
        """`shared` is where several processes count together; None to count alone."""
        self._again_seconds = again_seconds
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = None if shared is None else MovingWindowRateLimiter(shared)
        self._lock = threading.Lock()
        self._away_until = 0.0

    def hit(self, rate: RateLimitItem, key: str) -> bool:
        """Take one request of a rate if it has room."""
        limiter = self._limiter()
        try:
            taken: bool = limiter.hit(rate, key)
        except limits_errors.StorageError as error:
            self._be_alone(error)
            return self._own.hit(rate, key)
        if taken and limiter is not self._own:
            self._own.hit(rate, key)  # for when Redis is away
        return taken

    def wait_seconds(self, rate: RateLimitItem, key: str) -> float:
        """Tell when a rate has room again."""
        try:
            reset = self._limiter().get_window_stats(rate, key).reset_time
        except limits_errors.StorageError as error:
            self._be_alone(error)
            reset = self._own.get_window_stats(rate, key).reset_time
        return max(reset - time.time(), _LEAST_SECONDS)

    def _limiter(self) -> MovingWindowRateLimiter:
        with self._lock:
            alone = self._shared is None or time.monotonic() < self._away_until
        return self._own if alone or self._shared is None else self._shared

    def _be_alone(self, error: Exception) -> None:
        with self._lock:
            self._away_until = time.monotonic() + self._again_seconds
        _log.warning("pace.alone", error=type(error).__name__)


def of_redis(url: str, *, again_seconds: float = AGAIN_SECONDS) -> Pace:
    """Count with all processes at a Redis; nothing is opened before the first request."""
    pool = jobs.connect(url, timeout_seconds=TIMEOUT_SECONDS).connection_pool
    storage = RedisStorage("redis://", pool, key_prefix=PREFIX, wrap_exceptions=True)
    return Pace(storage, again_seconds=again_seconds)
