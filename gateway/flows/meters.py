"""Counts that one worker process keeps in memory and beats into Postgres."""

from __future__ import annotations

import bisect
import threading

APPLY_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class ApplyMeters:
    """A histogram of how long applying steps take, cumulative since the process began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets = [0] * (len(APPLY_BUCKETS_SECONDS) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one step."""
        with self._lock:
            self._buckets[bisect.bisect_left(APPLY_BUCKETS_SECONDS, seconds)] += 1
            self._seconds += seconds

    def read(self) -> dict[str, float]:
        """Return meters by name: `apply_seconds_sum` and `apply_seconds_le_<bound>`, cumulative."""
        with self._lock:
            counts, seconds = list(self._buckets), self._seconds
        meters, total = {"apply_seconds_sum": seconds}, 0
        for bound, count in zip((*APPLY_BUCKETS_SECONDS, "+Inf"), counts, strict=True):
            total += count
            meters[f"apply_seconds_le_{bound}"] = float(total)
        return meters
