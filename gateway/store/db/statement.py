"""Statements that run for each request, page or step: sent by the driver itself, in few trips.

SQLAlchemy lends the connection; compiling, converting and describing what is always the same costs
more than such a statement does in Postgres (figures in docs/performance.md). In a `Pipeline` what
needs no answer travels with what does: a lock held there is held for fewer trips.
"""

from __future__ import annotations

import collections
import contextlib
import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class
    from sqlalchemy import Connection

Parameters: TypeAlias = "Mapping[str, object]"

# As in SQLAlchemy's `text`: a colon before a name, and none or a word before that.
_BIND = re.compile(r"(?<![:\w]):(\w+)")


class Statement:
    """One SQL text, or several that go to the server together; the rows are those of the last."""

    def __init__(self, sql: str) -> None:
        self.text = sql
        self._query = _BIND.sub(r"%(\1)s", sql.replace("%", "%%"))
        self._row: Callable[[Iterable[Any]], Any] | None = None

    def rows(self, line: Line, parameters: Parameters) -> list[Any]:
        """Run it and return its rows, which have their columns for attributes."""
        with self._asked(line, parameters) as cursor:
            if self._row is None:
                names = [column.name for column in cursor.description or ()]
                made: Any = collections.namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024
                self._row = made._make
            return list(map(self._row, cursor.fetchall()))

    def first(self, line: Line, parameters: Parameters) -> Any:  # noqa: ANN401 - a row, as above
        """Run it and return its first row, None without any."""
        found = self.rows(line, parameters)
        return found[0] if found else None

    def column(self, line: Line, parameters: Parameters) -> list[Any]:
        """Run it and return the first column of its rows."""
        with self._asked(line, parameters) as cursor:
            return [row[0] for row in cursor.fetchall()]

    def run(self, line: Line, parameters: Parameters) -> None:
        """Run what gives no rows; in a pipeline with the next trip, where its errors come up."""
        if isinstance(line, Pipeline):
            line.leave(self, parameters)
        else:
            with self._asked(line, parameters):
                pass

    def bound(self, cursor: Cursor, parameters: Parameters) -> bytes:
        """Write the text with its parameters in it."""
        return cursor.mogrify(self._query, parameters)

    @contextlib.contextmanager
    def _asked(self, line: Line, parameters: Parameters) -> Iterator[Cursor]:
        if isinstance(line, Pipeline):
            yield line.ask(self, parameters)
        else:
            with _cursor(line) as cursor:
                _execute(line, cursor, self._query, parameters)
                yield cursor


class Pipeline:
    """One transaction on a connection in autocommit.

    `BEGIN` waits for the first statement that is asked something, and what is only to be done for
    the next one, or for `COMMIT`.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._cursor = _cursor(conn)
        self._waiting = [b"BEGIN"]
        self._begun = False

    @property
    def conn(self) -> Connection:
        """The connection, for what is rare enough to go through SQLAlchemy, and for COPY."""
        self._send()
        return self._conn

    def leave(self, what: Statement, parameters: Parameters) -> None:
        """Have something done by the time of the next answer."""
        self._waiting.append(what.bound(self._cursor, parameters))

    def ask(self, what: Statement, parameters: Parameters) -> Cursor:
        """Ask something, after all that was to be done before."""
        self.leave(what, parameters)
        self._send()
        return self._cursor

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
            _execute(self._conn, self._cursor, b";".join(waiting))


Line: TypeAlias = "Connection | Pipeline"


@contextlib.contextmanager
def pipeline(conn: Connection) -> Iterator[Pipeline]:
    """Commit what a pipeline brings when the block ends, and roll it back when something raises."""
    opened = Pipeline(conn)
    try:
        yield opened
        opened.commit()
    except BaseException:
        opened.roll_back()
        raise


def _cursor(conn: Connection) -> Cursor:
    return cast("Cursor", conn.connection.cursor())


def _execute(
    conn: Connection, cursor: Cursor, query: str | bytes, parameters: Parameters | None = None
) -> None:
    """Run a query; a connection that broke does not go back to its pool."""
    try:
        cursor.execute(query, parameters)
    except psycopg2.Error:
        if cursor.connection.closed:
            conn.invalidate()
        raise
