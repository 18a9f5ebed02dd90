"""`python -m tests.faults.worker [KIND]`: the workers' programs, coming by points."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from rq import Queue
from rq.exceptions import DeserializationError
from rq.job import Job

from gateway import messenger, outbound
from gateway.store.cohorts import staging
from tests.faults import points, watching
from tests.syncs import dying
from workers import __main__ as program
from workers import runtime

HERE = points.of_environ()
PROGRAM = sys.argv[1] if sys.argv[1:] else "worker"
STATEMENTS, LAST = {
    "worker": (watching.WORKER, watching.APPLIES),
    "loader": (watching.LOADER, watching.ENDS),
    "sender": (watching.SENDER, watching.ENDS),
    "scheduler": ({}, watching.STORES),
}[PROGRAM]
WATCHER = watching.Watcher(HERE, PROGRAM, STATEMENTS, LAST)
post = messenger.post


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


class Client(outbound.Client):
    """A client that comes by points before and after each request."""

    def request(self, *arguments: Any, **rest: Any) -> outbound.Answer:  # noqa: ANN401 - its own
        """Send a request."""
        HERE.pass_by("sender.before-request")
        answer = super().request(*arguments, **rest)
        HERE.pass_by("sender.after-request")
        return answer


def post_notice(url: str, text: str) -> None:
    """Post a notice, coming by a point before and one after."""
    HERE.pass_by("notices.before-post")
    post(url, text)
    HERE.pass_by("notices.after-post")


if __name__ == "__main__":
    WATCHER.listen()
    vars(program)["Worker"] = Worker
    vars(staging)["Reader"] = Reader
    vars(outbound)["Client"] = Client
    vars(messenger)["post"] = post_notice
    vars(runtime)["now"] = watching.clock(HERE)
    if (line := HERE.line(PROGRAM)) is not None:
        dying.die_at(line)
    sys.exit(program.main(sys.argv[1:]))
