"""`python -m workers` answers the doorbell; `python -m workers scheduler` watches the clock."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import redis
import rq
import structlog
from rq import serializers

# Imported here and not by name in each job: a job finds them loaded.
from gateway import errors, jobs, logs
from gateway.flows import meters
from workers import apply, runtime, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# RQ's own wait for a job; Redis' time-out must be longer.
WAIT_SECONDS = 20
RECONNECT_SECONDS = 1.0

JOBS = (apply.drain,)

_log = structlog.get_logger()


class Worker(rq.SimpleWorker):
    """A worker that runs jobs in its own process and comes back quickly when Redis does.

    Jobs are short drains under the database's own limits, so a fork per job would only cost: 346 ms
    from POST to visible against 18 ms were measured.
    """

    max_connection_wait_time = RECONNECT_SECONDS
    stopping: threading.Event

    @property
    def dequeue_timeout(self) -> int:
        """How long one wait for a job takes, in seconds."""
        return WAIT_SECONDS

    def handle_warm_shutdown_request(self) -> None:
        """Remember that the end was asked for, and not brought about by Redis."""
        self.stopping.set()


def work() -> None:
    """Answer the doorbell until told to stop; while Redis is away, the sweeper does the work."""
    made = runtime.current()
    stopping = threading.Event()
    _log.info("worker.started", name=made.name)
    with runtime.beating(made, meters.WORKER):
        while not stopping.is_set():
            _answer(made, stopping)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopping.set())
            stopping.wait(RECONNECT_SECONDS)
    _log.info("worker.stopped", name=made.name)


def _answer(made: runtime.Runtime, stopping: threading.Event) -> None:
    """Work as one RQ worker until told to stop, or until Redis goes away."""
    connection = jobs.connect(made.settings.require_redis_url(), timeout_seconds=WAIT_SECONDS + 10)
    try:
        worker = Worker(
            [jobs.queue(connection)],
            name=f"{made.name}-{time.monotonic_ns()}",
            connection=connection,
            serializer=serializers.JSONSerializer,
            job_class=jobs.Ring,
        )
        worker.stopping = stopping
        worker.work(logging_level="WARNING")
    except redis.RedisError as error:
        _log.warning("worker.disconnected", error=type(error).__name__)


PROGRAMS: Final[Mapping[str, Callable[[], None]]] = {"": work, "scheduler": schedule.run}


def main(arguments: Sequence[str]) -> int:
    """Run a worker or, asked for it, the scheduler; bad settings are said on stderr."""
    program = PROGRAMS.get(" ".join(arguments))
    if program is None:
        print("usage: python -m workers [scheduler]", file=sys.stderr)  # noqa: T201 - the command line
        return 2
    logs.catch_crashes()
    try:
        program()
    except errors.BadSettings as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - the command line
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
