"""Makes the product's own database traffic come by points, by the events of its engine."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy import event, pool

from tests.faults.points import Points

# A piece of a statement → the point just before it, for each program.
WEB = {"INSERT INTO deliveries": "before-insert"}
WORKER = {"FOR NO KEY UPDATE SKIP LOCKED": "before-claim", "INSERT INTO changes": "mid-apply"}
# The statement that makes a transaction the one whose commit is a point too.
STORES, APPLIES = "INSERT INTO deliveries", "SET applied_through"

# Of the connection: which cohort its last statements were about, and that its commit is a point.
_LAST, _MARK = "faults-cohort", "faults-mark"


class Watcher:
    """Comes by `<program>.<point>` in every engine of this process."""

    def __init__(self, points: Points, program: str, statements: dict[str, str], last: str) -> None:
        """`statements` are pieces of SQL by point; `last` makes the commit after it a point."""
        self._points = points
        self._program = program
        self._statements = statements
        self._last = last

    def listen(self) -> None:
        """Begin."""
        event.listen(sqlalchemy.Engine, "before_cursor_execute", self.before_statement)
        event.listen(sqlalchemy.Engine, "commit", self.before_commit)
        event.listen(sqlalchemy.Engine, "rollback", self.after_rollback)
        event.listen(pool.Pool, "checkin", self.after_return)

    def before_statement(self, *event_says: Any) -> None:  # noqa: ANN401 - as SQLAlchemy calls it
        """Come by the points that a statement is."""
        conn, _, sql, parameters, *_ = event_says
        given = parameters.get("cohort_id") if isinstance(parameters, dict) else None
        cohort_id = conn.info[_LAST] = given or conn.info.get(_LAST)
        for piece, point in self._statements.items():
            if piece in sql:
                self._pass_by(point, cohort_id)
        if self._last in sql:
            conn.info[_MARK] = cohort_id

    def before_commit(self, conn: sqlalchemy.Connection) -> None:
        """Come by the end of a transaction that did what matters."""
        if _MARK in conn.info:
            self._pass_by("before-commit", conn.info[_MARK])

    def after_rollback(self, conn: sqlalchemy.Connection) -> None:
        """Forget a transaction that came to nothing."""
        if not conn.invalidated:  # an invalid one has forgotten by itself
            conn.info.pop(_MARK, None)

    def after_return(self, _connection: object, entry: pool.ConnectionPoolEntry) -> None:
        """Come by the moment after a commit."""
        if _MARK in entry.info:
            self._pass_by("after-commit", entry.info.pop(_MARK))

    def _pass_by(self, point: str, cohort_id: int | None) -> None:
        self._points.pass_by(f"{self._program}.{point}", cohort_id)


def clock(points: Points) -> Callable[[], datetime.datetime]:
    """Make a clock that a test can set."""

    def now() -> datetime.datetime:
        wrong = datetime.timedelta(seconds=points.clock_seconds())
        return datetime.datetime.now(datetime.UTC) + wrong

    return now
