"""A transaction in few round trips: what needs no answer travels with what does.

`BEGIN` waits for the first statement that is asked something, and what is only to be done for the
next one, or for `COMMIT`. Whoever waits for a lock that is held here waits for fewer trips.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg2

from gateway.store import statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.store.statement import Parameters, Statement


class Pipeline:
    """One transaction on a connection in autocommit."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._cursor = statement.open_cursor(conn)
        self._waiting = [b"BEGIN"]
        self._begun = False

    @property
    def conn(self) -> Connection:
        """The connection, for what is rare enough to go through SQLAlchemy."""
        self._send()
        return self._conn

    def run(self, what: Statement, parameters: Parameters) -> None:
        """Have something done by the time of the next answer; what goes wrong is raised there."""
        self._waiting.append(what.bound(self._cursor, parameters))

    def rows(self, what: Statement, parameters: Parameters) -> list[Any]:
        """Ask something, after all that was to be done before."""
        self.run(what, parameters)
        self._send()
        return what.fetched(self._cursor)

    def commit(self) -> None:
        """Commit, with the trip that takes what still waits."""
        if self._begun or len(self._waiting) > 1:
            self._waiting.append(b"COMMIT")
            self._send()

    def roll_back(self) -> None:
        """Leave no transaction open: a connection on which that fails is given up."""
        if self._begun and not self._cursor.connection.closed:
            try:
                self._cursor.execute("ROLLBACK")
            except psycopg2.Error:
                self._conn.invalidate()

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._begun = True
            statement.run(self._conn, self._cursor, b";".join(waiting))


@contextlib.contextmanager
def opened(conn: Connection) -> Iterator[Pipeline]:
    """Commit what a pipeline brings when the block ends, and roll it back when something raises."""
    pipeline = Pipeline(conn)
    try:
        yield pipeline
        pipeline.commit()
    except BaseException:
        pipeline.roll_back()
        raise
