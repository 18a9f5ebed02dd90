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

_MARK = "faults-cohort"


def listen(points: Points, program: str, statements: dict[str, str], decisive: str) -> None:
    """Come by `<program>.<point>` in every engine of this process, from now on."""

    def before_statement(  # noqa: PLR0913, PLR0917 - the event's
        conn: sqlalchemy.Connection,
        _cursor: object,
        sql: str,
        given: Any,
        _context: object,
        _many: bool,  # noqa: ANN401, E501, FBT001
    ) -> None:
        cohort_id = given.get("cohort_id") if isinstance(given, dict) else None
        for piece, point in statements.items():
            if piece in sql:
                points.pass_by(f"{program}.{point}", cohort_id)
        if decisive in sql:
            conn.info[_MARK] = cohort_id

    def before_commit(conn: sqlalchemy.Connection) -> None:
        if _MARK in conn.info:
            points.pass_by(f"{program}.before-commit", conn.info[_MARK])

    def rolled_back(conn: sqlalchemy.Connection) -> None:
        conn.info.pop(_MARK, None)

    def returned(_dbapi: object, record: pool.ConnectionPoolEntry) -> None:
        if _MARK in record.info:
            points.pass_by(f"{program}.after-commit", record.info.pop(_MARK))

    event.listen(sqlalchemy.Engine, "before_cursor_execute", before_statement)
    event.listen(sqlalchemy.Engine, "commit", before_commit)
    event.listen(sqlalchemy.Engine, "rollback", rolled_back)
    event.listen(pool.Pool, "checkin", returned)


def clock(points: Points) -> Callable[[], datetime.datetime]:
    """Make a clock that a test can set."""

    def now() -> datetime.datetime:
        wrong = datetime.timedelta(seconds=points.clock_seconds())
        return datetime.datetime.now(datetime.UTC) + wrong

    return now
