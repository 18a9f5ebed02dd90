"""Job names and how to wake workers up for them, by a Redis that may be broken at any time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

import redis
import rq.job
import structlog
from redis import backoff, retry
from rq import serializers

from gateway import aside, errors
from gateway.core.health import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

APPLY_JOB: Final = "workers.apply.drain"
LOAD_JOB: Final = "workers.load.read"
PROBE_JOB: Final = "workers.probe.answer"

# A job that waits, or runs for an hour, holds up its own queue and no other.
QUEUES: Final[Mapping[str, str]] = {
    processes.WORKER: "gateway",
    processes.LOADER: "gateway-loads",
    processes.SENDER: "gateway-sends",
}

# Every job there is, and the kinds of processes that do it. The probe of a worker is a wake-up for
# no cohort, because that takes the way through the database too.
JOBS: Final[Mapping[str, tuple[str, ...]]] = {
    APPLY_JOB: (processes.WORKER,),
    LOAD_JOB: (processes.LOADER,),
    PROBE_JOB: (processes.LOADER, processes.SENDER),
}

# No cohort has this number: a ring for it changes nothing, but somewhere a worker must answer it.
NO_COHORT: Final = 0

TIMEOUT_SECONDS: Final = 0.25
# After a failed wake-up there is none for this long, so a dead Redis costs next to nothing.
BREAK_SECONDS: Final = 1.0
# A wake-up without an answer within this long is forgotten, and the sweeper sends another.
RUNG_SECONDS: Final = 2
FAILURE_TTL_SECONDS: Final = 300

_log = structlog.get_logger()


class ApplyJob(rq.job.Job):
    """A ring: a job of `JOBS`, in the queue of a kind of process that does it.

    A job names what it runs. RQ would import that, whatever it is; here a client that can write to
    Redis can at most have work looked for once more.
    """

    @property
    def func(self) -> Any:  # noqa: ANN401 - as RQ has it
        """What to run. Raises errors.InternalError for anything but a job of this queue."""
        queues = [QUEUES[kind] for kind in JOBS.get(self.func_name or "", ())]
        if self.origin not in queues or self.instance is not None:
            raise errors.InternalError("a job in the queue is none of ours")
        return super().func

    @property
    def success_callback(self) -> None:
        """Run nothing afterwards."""

    @property
    def failure_callback(self) -> None:
        """Run nothing afterwards."""

    @property
    def stopped_callback(self) -> None:
        """Run nothing afterwards."""


def connect(url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> redis.Redis:
    """Make a client; nothing is opened until it is used, and nothing is ever tried twice."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=retry.Retry(backoff.NoBackoff(), 0),
    )


def queue(connection: redis.Redis, kind: str = processes.WORKER) -> rq.Queue:
    """Return the queue of a kind of process; jobs are JSON, never pickles."""
    serializer = serializers.JSONSerializer
    return rq.Queue(QUEUES[kind], connection=connection, serializer=serializer, job_class=ApplyJob)


def pending_key(cohort_id: int) -> str:
    """Name the key that stands while a ring for a cohort waits to be answered."""
    return f"gateway:rung:{cohort_id}"


class WakeUps:
    """Rings for a cohort's work; a ring that is lost is made good by the sweeper."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._queues = {kind: queue(self._redis, kind) for kind in QUEUES}
        self._broken_until = 0.0
        self._lock = threading.Lock()

    def notify(self, cohort_id: int) -> bool:
        """Ask for a cohort's pending pages to be applied; False if Redis did not take it.

        While an earlier ring for the same cohort waits, this one is already done.
        """

        def notify() -> None:
            if self._redis.set(pending_key(cohort_id), 1, nx=True, ex=RUNG_SECONDS):
                self._enqueue(processes.WORKER, APPLY_JOB, cohort_id)

        return self._try(notify, cohort_id=cohort_id)

    def notify_loader(self) -> bool:
        """Ask for loads that are queued to be read; False if Redis did not take it.

        A job looks for all that is due, and readers look by themselves every few seconds, too.
        """
        return self._try(lambda: self._enqueue(processes.LOADER, LOAD_JOB), kind=processes.LOADER)

    def probe(self, kind: str = processes.WORKER) -> None:
        """Enqueue a job that changes nothing, to see a kind of process do it.

        A job that waits already does as well.
        """
        if self.depth(kind) != 0:
            return
        if kind == processes.WORKER:
            self.notify(NO_COHORT)
        else:
            self._try(lambda: self._enqueue(kind, PROBE_JOB, kind), kind=kind)

    def answer(self, cohort_id: int) -> None:
        """Take the ring down, so that a later page rings anew; look at the inbox after this."""
        self._redis.delete(pending_key(cohort_id))

    def is_up(self) -> bool:
        try:
            return bool(self._redis.ping())
        except Exception:  # noqa: BLE001 - whatever it is, no job gets through
            return False

    def depth(self, kind: str = processes.WORKER) -> int | None:
        """Count the jobs that wait for a kind of process; None if Redis does not answer."""
        try:
            return int(self._queues[kind].count)
        except Exception:  # noqa: BLE001 - as above
            return None

    def depths(self) -> dict[str, int] | None:
        """Count the jobs that wait for each kind of process; None if Redis does not answer."""
        found = {}
        for kind in QUEUES:
            depth = self.depth(kind)
            if depth is None:
                return None
            found[kind] = depth
        return found

    def _try(self, enqueue: Callable[[], None], **ids: object) -> bool:
        """Enqueue unless Redis has just failed; False if it did not take it."""
        if time.monotonic() < self._broken_until:
            return False
        try:
            enqueue()
        except Exception as error:  # noqa: BLE001 - what is rung for is committed, whatever fails
            with self._lock:
                self._broken_until = time.monotonic() + BREAK_SECONDS
            with aside.harmless("wake_up"):
                _log.warning("wake_up.failed", error=type(error).__name__, **ids)
            return False
        return True

    def _enqueue(self, kind: str, job: str, *arguments: int | str) -> None:
        self._queues[kind].enqueue_call(
            job,
            args=arguments,
            timeout=-1,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_SECONDS,
            description=job,
        )
