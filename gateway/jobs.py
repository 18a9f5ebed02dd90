"""Job names and how to ring for them: Redis is a doorbell that may be broken at any time."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import redis
import rq.job
import structlog
from redis import backoff, retry
from rq import serializers

from gateway import aside, errors

APPLY_JOB: Final = "workers.apply.drain"

QUEUE: Final = "gateway"

# No cohort has this number: a ring for it changes nothing, but somewhere a worker must answer it.
NO_COHORT: Final = 0

TIMEOUT_SECONDS: Final = 0.25
# After a failed ring nobody tries again for this long, so a dead Redis costs next to nothing.
BREAK_SECONDS: Final = 1.0
# A ring that nobody answered within this long is forgotten, and the sweeper rings again.
RUNG_SECONDS: Final = 2
FAILURE_TTL_SECONDS: Final = 300

_log = structlog.get_logger()


class Ring(rq.job.Job):
    """A ring, which asks for the one thing that workers do.

    A job names what it runs. RQ would import that, whatever it is; here somebody who can write to
    Redis can at most have a cohort looked at once more.
    """

    @property
    def func(self) -> Any:  # noqa: ANN401 - as RQ has it
        """What to run. Raises errors.Broken for anything but the one job there is."""
        if self.func_name != APPLY_JOB or self.instance is not None:
            raise errors.Broken("a job in the queue is none of ours")
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


def queue(connection: redis.Redis) -> rq.Queue:
    """Return the one queue there is; jobs are JSON, never pickles."""
    serializer = serializers.JSONSerializer
    return rq.Queue(QUEUE, connection=connection, serializer=serializer, job_class=Ring)


def rung_key(cohort_id: int) -> str:
    """Name the key that stands while a ring for a cohort waits to be answered."""
    return f"gateway:rung:{cohort_id}"


class Doorbell:
    """Rings for a cohort's work; a ring that is lost is made good by the sweeper."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._queue = queue(self._redis)
        self._broken_until = 0.0
        self._lock = threading.Lock()

    def ring(self, cohort_id: int) -> bool:
        """Ask for a cohort's pending pages to be applied; False if Redis did not take it.

        While an earlier ring for the same cohort waits, this one is already done.
        """
        if time.monotonic() < self._broken_until:
            return False
        try:
            if self._redis.set(rung_key(cohort_id), 1, nx=True, ex=RUNG_SECONDS):
                self._enqueue(cohort_id)
        except Exception as error:  # noqa: BLE001 - what is rung for is committed, whatever fails
            with self._lock:
                self._broken_until = time.monotonic() + BREAK_SECONDS
            with aside.harmless("doorbell"):
                _log.warning("doorbell.failed", error=type(error).__name__, cohort_id=cohort_id)
            return False
        return True

    def probe(self) -> None:
        """Ring for no cohort, to see a worker answer; jobs that wait already do as well."""
        if self.depth() == 0:
            self.ring(NO_COHORT)

    def answer(self, cohort_id: int) -> None:
        """Take the ring down, so that a later page rings anew; look at the inbox after this."""
        self._redis.delete(rung_key(cohort_id))

    def is_up(self) -> bool:
        """Tell whether Redis answers."""
        try:
            return bool(self._redis.ping())
        except Exception:  # noqa: BLE001 - whatever it is, no job gets through
            return False

    def depth(self) -> int | None:
        """Count the jobs that wait; None if Redis does not answer."""
        try:
            return int(self._queue.count)
        except Exception:  # noqa: BLE001 - as above
            return None

    def _enqueue(self, cohort_id: int) -> None:
        self._queue.enqueue_call(
            APPLY_JOB,
            args=(cohort_id,),
            timeout=-1,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_SECONDS,
            description="apply",
        )
