"""What one worker process counts, and the heart that beats it into Postgres."""

from __future__ import annotations

import bisect
import threading
from typing import TYPE_CHECKING, Final

from gateway.core.health import processes
from gateway.store.health import heartbeats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.flows.health.duty import Duty
    from gateway.store.db.engine import Pool

WORKER: Final = processes.WORKER
SCHEDULER: Final = processes.SCHEDULER
INTERVAL_SECONDS: Final = heartbeats.INTERVAL_SECONDS

APPLY_BUCKETS_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, float("inf")),
)

_SUM: Final = "apply_seconds_sum"
_COUNT: Final = "apply_seconds_count_"


class ApplyMeters:
    """A histogram of how long applying transactions take, since the process began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = [0] * len(APPLY_BUCKETS_SECONDS)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        with self._lock:
            self._counts[bisect.bisect_left(APPLY_BUCKETS_SECONDS, seconds)] += 1
            self._seconds += seconds

    def read(self) -> dict[str, float]:
        """Return meters by name: the sum, and the count of each bucket, not cumulative.

        Counts of processes with other buckets can then be summed too.
        """
        with self._lock:
            counts, seconds = list(self._counts), self._seconds
        named = zip(APPLY_BUCKETS_SECONDS, counts, strict=True)
        return {_SUM: seconds, **{f"{_COUNT}{bound}": float(count) for bound, count in named}}


def histogram(meters: Mapping[str, float]) -> tuple[dict[float, float], float]:
    """Read meters back: counts by upper bound, every bound of ours among them, and the sum."""
    counts = dict.fromkeys(APPLY_BUCKETS_SECONDS, 0.0)
    for name, value in meters.items():
        if name.startswith(_COUNT):
            counts[float(name.removeprefix(_COUNT))] = value
    return counts, meters.get(_SUM, 0.0)


class Heartbeat:
    """Tells Postgres that a process is alive and what it counted.

    A process that was asleep so long that it was retired joins again under another name and counts
    on from what it had stored, so nothing counts twice.
    """

    def __init__(
        self, pool: Pool, *, name: str, kind: str, meters: ApplyMeters, duty: Duty
    ) -> None:
        self._pool = pool
        self._base_name = name
        self._kind = kind
        self._meters = meters
        self._duty = duty
        self._life = 0
        self._stored: Mapping[str, float] = {}
        self._before: Mapping[str, float] = {}

    def beat(self) -> None:
        """Beat once. Raises errors.GatewayError when Postgres does not take it."""
        counted, condition = self._meters.read(), self._duty.condition()
        with self._pool.begin() as conn:
            if not heartbeats.beat(conn, self._name(), self._since_joined(counted), condition):
                self._life += 1
                self._before = self._stored
                heartbeats.join(conn, self._name(), self._kind)
                heartbeats.beat(conn, self._name(), self._since_joined(counted), condition)
        self._stored = counted

    def stop(self) -> None:
        """Beat a last time and leave. Raises as `beat` does."""
        self.beat()
        with self._pool.begin() as conn:
            heartbeats.leave(conn, self._name())

    def _name(self) -> str:
        return f"{self._base_name}-{self._life}"

    def _since_joined(self, counted: Mapping[str, float]) -> dict[str, float]:
        return {name: value - self._before.get(name, 0.0) for name, value in counted.items()}


def retire(pool: Pool) -> None:
    """Forget processes that have long been silent; what they counted stays."""
    with pool.begin() as conn:
        heartbeats.retire(conn)
