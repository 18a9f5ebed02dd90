"""Each statement that goes to Postgres: those that go around SQLAlchemy are no events of its."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2.extensions
import sqlalchemy
from sqlalchemy import event


@contextlib.contextmanager
def noted(engine: sqlalchemy.Engine, note: Callable[[str], None]) -> Iterator[None]:
    """Note each statement of an engine's connections, with its parameters, before it is sent."""

    class Noting(psycopg2.extensions.cursor):
        def execute(self, query: Any, parameters: Any = None) -> None:  # noqa: ANN401 - the driver's
            note(self.mogrify(query, parameters).decode())
            super().execute(query, parameters)

    def lent(connection: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
        connection.cursor_factory = Noting

    def returned(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        if connection is not None:  # it broke
            connection.cursor_factory = psycopg2.extensions.cursor

    event.listen(engine, "checkout", lent)
    event.listen(engine, "checkin", returned)
    try:
        yield
    finally:
        event.remove(engine, "checkout", lent)
        event.remove(engine, "checkin", returned)
