"""Statements that run for each request or page: sent by the driver itself.

SQLAlchemy lends the connection; compiling, converting and describing what is always the same costs
more than such a statement does in Postgres (figures in docs/performance.md).
"""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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

    def rows(self, conn: Connection, parameters: Parameters) -> list[Any]:
        """Run it and return its rows, which have their columns for attributes."""
        with open_cursor(conn) as cursor:
            run(conn, cursor, self._query, parameters)
            return self.fetched(cursor)

    def column(self, conn: Connection, parameters: Parameters) -> list[Any]:
        """Run it and return the first column of its rows."""
        with open_cursor(conn) as cursor:
            run(conn, cursor, self._query, parameters)
            return [row[0] for row in cursor.fetchall()]

    def bound(self, cursor: Cursor, parameters: Parameters) -> bytes:
        """Write the text with its parameters in it."""
        return cursor.mogrify(self._query, parameters)

    def fetched(self, cursor: Cursor) -> list[Any]:
        """Return the rows that a cursor has of it; none if it is not one that gives any."""
        if cursor.description is None:
            return []
        if self._row is None:
            names = [column.name for column in cursor.description]
            made: Any = collections.namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024
            self._row = made._make
        return list(map(self._row, cursor.fetchall()))


def open_cursor(conn: Connection) -> Cursor:
    """Open a cursor of the driver on a connection."""
    return cast("Cursor", conn.connection.cursor())


def run(
    conn: Connection, cursor: Cursor, query: str | bytes, parameters: Parameters | None = None
) -> None:
    """Run a query; a connection that broke does not go back to its pool."""
    try:
        cursor.execute(query, parameters)
    except psycopg2.Error:
        if cursor.connection.closed:
            conn.invalidate()
        raise
