"""`python -m workers [KIND]`: a process that applies, reads or sends, or keeps the schedule."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from typing import TYPE_CHECKING, Final

from gateway import heap

with heap.for_good():
    import rq
    import rq.job
    import structlog
    from rq import serializers
    from rq.exceptions import DequeueTimeout, StopRequested
    from rq.worker import WorkerStatus

    # Imported here and not by name in each job: a job finds them loaded.
    from gateway import errors, jobs, logs
    from gateway.core.health.processes import LOADER, SENDER, WORKER
    from workers import apply, forward, load, notify, probe, runtime, schedule, send

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway.flows.health.duty import Duty

# One wait for a job. A worker without an answer from Redis notices it this much later at most, and
# Redis' own time-out must be longer.
WAIT_SECONDS = 5
REDIS_SECONDS = WAIT_SECONDS + 5
RECONNECT_SECONDS = 1.0

JOBS = (apply.drain, load.read, probe.answer)

_log = structlog.get_logger()


class Worker(rq.SimpleWorker):
    """A worker that runs jobs in its own process, and says how its queue does.

    Jobs are short drains under the database's own limits, so a fork per job would only cost: 346 ms
    from POST to visible against 18 ms were measured.
    """

    stopping: threading.Event
    duty: Duty
    look: Callable[[], None]
    failure: Exception | None = None

    @property
    def dequeue_timeout(self) -> int:
        """How long one wait for a job takes, in seconds."""
        return WAIT_SECONDS

    def subscribe(self) -> None:
        """Take no commands from Redis: with them a client of it could end or stop workers."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - as RQ has it
        """Work on: a key in Redis is no reason to leave accepted pages alone."""

    def handle_warm_shutdown_request(self) -> None:
        """Remember that the end was asked for, and not brought about by Redis."""
        self.stopping.set()

    def dequeue_job_and_maintain_ttl(
        self,
        timeout: int | None,
        max_idle_time: int | None = None,  # noqa: ARG002 - as RQ has it
    ) -> tuple[rq.job.Job, rq.Queue]:
        """Wait for a job; each wait that Redis answers shows that this worker can be rung for.

        RQ would try again by itself for ever, and nothing would show that it does.
        """
        with self._giving_up():
            self.set_state(WorkerStatus.IDLE)
            while True:
                # A signal that came before RQ listened for it has ended nothing yet.
                if self.stopping.is_set():
                    raise StopRequested
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
                with contextlib.suppress(DequeueTimeout):
                    found = self.queue_class.dequeue_any(
                        self.queues,
                        timeout,
                        connection=self.connection,
                        job_class=self.job_class,
                        serializer=self.serializer,
                        death_penalty_class=self.death_penalty_class,
                    )
                    if found is not None:
                        return found
                self.duty.come_round()
                self.look()

    def execute_job(self, job: rq.job.Job, queue: rq.Queue) -> None:
        """Run a job."""
        with self._giving_up():
            super().execute_job(job, queue)

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        """End this worker's loop quietly when Redis, or RQ with what is in it, fails."""
        try:
            yield
        except StopRequested:
            raise
        except Exception as error:
            self.failure = error
            raise StopRequested from error


def work(*kinds: str) -> None:
    """Do the jobs of some kinds until told to stop, those of an earlier kind first."""
    made = runtime.current()
    stopping = made.stopping
    runtime.stop_when_told(stopping)
    runtime.await_schema(made, stopping)
    _log.info("worker.started", name=made.name, kinds=kinds)
    with (
        runtime.beating(made, *kinds),
        send.looking(made, kinds),
        notify.looking(made, kinds),
        forward.looking(made, kinds),
    ):
        while not stopping.is_set():
            failure = _answer(made, kinds, stopping)
            runtime.stop_when_told(stopping)
            if failure is not None:
                reason = f"{type(failure).__name__}: {failure}"
                made.duty.hinder(f"it cannot use Redis: {reason}")
                _log.warning("worker.disconnected", error=type(failure).__name__, reason=reason)
                _looks(kinds)()
            stopping.wait(RECONNECT_SECONDS)
    _log.info("worker.stopped", name=made.name, kinds=kinds)


def _looks(kinds: Sequence[str]) -> Callable[[], None]:
    """Say what a process does when no ring has come: a load is read without one, too."""
    return load.read if LOADER in kinds else lambda: None


def _answer(
    made: runtime.Runtime, kinds: Sequence[str], stopping: threading.Event
) -> Exception | None:
    """Work as one RQ worker until told to stop, or until it cannot; returns why."""
    try:
        connection = jobs.connect(made.settings.require_redis_url(), timeout_seconds=REDIS_SECONDS)
        worker = Worker(
            [jobs.queue(connection, kind) for kind in kinds],
            name=f"{made.name}-{time.monotonic_ns()}",
            connection=connection,
            serializer=serializers.JSONSerializer,
            job_class=jobs.ApplyJob,
        )
        worker.stopping, worker.duty = stopping, made.duty
        worker.look = _looks(kinds)
        worker.work(logging_level="WARNING")
    except Exception as error:  # noqa: BLE001 - what RQ and its client raise for a bad Redis is no closed set
        return error
    return worker.failure


# Applying shares its process with nothing: neither a read nor a vendor that hangs delays a page.
PROGRAMS: Final[Mapping[str, Callable[[], None]]] = {
    "": functools.partial(work, WORKER),
    "worker": functools.partial(work, WORKER),
    "loader": functools.partial(work, LOADER),
    "sender": functools.partial(work, SENDER),
    "loader,sender": functools.partial(work, SENDER, LOADER),
    "scheduler": schedule.run,
}


def main(arguments: Sequence[str]) -> int:
    """Run the program that is asked for, else a worker; bad settings are said on stderr."""
    program = PROGRAMS.get(" ".join(arguments))
    if program is None:
        print(f"usage: python -m workers [{'|'.join(filter(None, PROGRAMS))}]", file=sys.stderr)  # noqa: T201 - the command line
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
