"""Makes the product's own database traffic come by points: each statement, and each COPY."""

from __future__ import annotations

import contextlib
import datetime
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2.extensions
from sqlalchemy import event, pool
from sqlalchemy.engine.default import DefaultDialect

from tests.faults.points import Points

# A piece of a statement → the point just before it, for each program.
WEB = {"SELECT FROM intake_state": "before-lock", "COPY upload_pieces": "spools"}
WORKER = {
    "FOR NO KEY UPDATE SKIP LOCKED": "before-claim",
    "COPY changes": "mid-apply",
    "INSERT INTO changes": "mid-apply",
}
LOADER = {
    "UPDATE loads SET started_at": "begins",
    "ON CONFLICT (cohort_id, number) DO NOTHING": "mid-read",
    "UPDATE loads SET would_enter": "has-read",
    "'sealed'": "seals",
}
SENDER = {"INSERT INTO sync_batches": "begins"}
# The statement that makes a transaction the one whose commit is a point too.
STORES, APPLIES = "INSERT INTO deliveries", "SET applied_through"
ENDS = "DELETE FROM leases WHERE id"

_COHORT = re.compile(r"cohort_id = (\d+)")


class Watcher:
    """Comes by `<program>.<point>` on every connection that a pool of this process lends."""

    def __init__(self, points: Points, program: str, statements: dict[str, str], last: str) -> None:
        """`statements` are pieces of SQL by point; `last` makes the commit after it a point."""
        self._points = points
        self._program = program
        self._statements = statements
        self._last = last
        self._here = threading.local()

    def listen(self) -> None:
        """Begin."""
        passing = self._passing

        class Watched(psycopg2.extensions.cursor):
            def execute(self, query: Any, parameters: Any = None) -> None:  # noqa: ANN401 - its own
                with passing(self.mogrify(query, parameters).decode()):
                    super().execute(query, parameters)

            def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:  # noqa: ANN401
                with passing(sql):
                    super().copy_expert(sql, file, size)

        def lent(connection: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
            connection.cursor_factory = Watched

        def commit(_: object, connection: Any) -> None:  # noqa: ANN401 - the driver's
            with passing("COMMIT"):
                connection.commit()

        def roll_back(_: object, connection: Any) -> None:  # noqa: ANN401 - the driver's
            self._here.marked = False
            connection.rollback()

        event.listen(pool.Pool, "checkout", lent)
        # Transactions end by the driver's own calls, those of a pipeline by a statement.
        DefaultDialect.do_commit = commit  # type: ignore[method-assign]
        DefaultDialect.do_rollback = roll_back  # type: ignore[method-assign]

    def pass_by(self, point: str) -> None:
        """Come by a point of this program, with the cohort that this thread has last named."""
        self._points.pass_by(f"{self._program}.{point}", getattr(self._here, "cohort_id", None))

    @contextlib.contextmanager
    def _passing(self, sql: str) -> Iterator[None]:
        """Come by the points before what a thread sends to the server, and by the one after it."""
        if found := _COHORT.search(sql):
            self._here.cohort_id = int(found[1])
        for piece, point in self._statements.items():
            if piece in sql:
                self.pass_by(point)
        marked = self._last in sql or getattr(self._here, "marked", False)
        commits = sql.endswith("COMMIT")
        if marked and commits:
            self.pass_by("before-commit")
        self._here.marked = False
        yield
        self._here.marked = marked and not sql.endswith(("COMMIT", "ROLLBACK"))
        if marked and commits:
            self.pass_by("after-commit")


def clock(points: Points) -> Callable[[], datetime.datetime]:
    """Make a clock that a test can set."""

    def now() -> datetime.datetime:
        wrong = datetime.timedelta(seconds=points.clock_seconds())
        return datetime.datetime.now(datetime.UTC) + wrong

    return now
