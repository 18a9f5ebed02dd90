"""`python -m tests.faults.worker [loader | scheduler]`: the workers' programs, coming by points."""

from __future__ import annotations

import contextlib
import sys

from rq import Queue
from rq.exceptions import DeserializationError
from rq.job import Job

from gateway.store.cohorts import staging
from tests.faults import points, watching
from workers import __main__ as program
from workers import runtime

HERE = points.of_environ()
PROGRAM = sys.argv[1] if sys.argv[1:] else "worker"
WATCHER = (
    watching.Watcher(HERE, PROGRAM, watching.LOADER, watching.ENDS)
    if PROGRAM == "loader"
    else watching.Watcher(HERE, PROGRAM, watching.WORKER, watching.APPLIES)
)


class Reader(staging.Reader):
    """What a COPY sends; its sender comes by a point in the middle."""

    def read(self, size: int) -> bytes:
        """Return the next piece."""
        WATCHER.pass_by("mid-copy")
        return super().read(size)


class Worker(program.Worker):
    """A worker that comes by a point when it has popped a job and not begun it."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job."""
        cohort_id = None
        with contextlib.suppress(DeserializationError):  # garbage is for the product to meet
            cohort_id = next(iter(job.args), None)
        HERE.pass_by("worker.pop-gap", cohort_id)
        super().execute_job(job, queue)


if __name__ == "__main__":
    WATCHER.listen()
    vars(program)["Worker"] = Worker
    vars(staging)["Reader"] = Reader
    vars(runtime)["now"] = watching.clock(HERE)
    sys.exit(program.main(sys.argv[1:]))
