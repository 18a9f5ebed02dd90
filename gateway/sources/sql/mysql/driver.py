"""Sessions with MySQL and MariaDB through PyMySQL: read-only, with rows as they come."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

import pymysql
from pymysql import converters, cursors
from pymysql.constants import FIELD_TYPE

from gateway import errors, reach
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import session, tables, values
from gateway.sources.sql.failures import failed
from gateway.sources.sql.mysql import catalog, failures, greeting
from gateway.sources.sql.session import Column, Estimate, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.sources.sql.queries import Query
    from gateway.sources.sql.session import Row, Target

_CANCEL_SECONDS: Final = 3.0
_MOST_CANCELS: Final = 3
_TYPES: Final = {
    number: name for name, number in vars(FIELD_TYPE).items() if isinstance(number, int)
}
_DECODERS: Final[dict[Any, Any]] = {**converters.conversions, FIELD_TYPE.JSON: values.of_json}

greet = greeting.greet


class _Line(pymysql.Connection):  # type: ignore[misc] # `make check` does without the library
    """A connection that sends nothing of the password where TLS was asked for and is not there."""

    def _request_authentication(self) -> None:
        self._ssl_required = bool(self.ssl)
        super()._request_authentication()


def connect(target: Target, addresses: Sequence[str]) -> MysqlSession:
    """Sign in, to read only. Raises errors.ReadFailed."""
    line = _line(target)
    _open(line, target, addresses)
    opened = MysqlSession(line, target, addresses)
    opened.prepare()
    return opened


def _line(target: Target) -> _Line:
    checked = greeting.context(target)
    return _Line(
        host=target.config["host"],
        user=target.config["user"],
        password=target.secrets.get("password", ""),
        database=target.config["database"],
        charset="utf8mb4",
        cursorclass=cursors.SSCursor,
        conv=_DECODERS,
        ssl=checked,
        ssl_disabled=checked is None,
        autocommit=False,
        program_name=session.APPLICATION,
        local_infile=False,
        defer_connect=True,
    )


def _open(line: _Line, target: Target, addresses: Sequence[str]) -> None:
    secrets = target.secrets.values()
    try:
        plain = reach.open_socket(addresses, target.config["port"], seconds=session.CONNECT_SECONDS)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line._read_timeout = session.CONNECT_SECONDS  # noqa: SLF001
        line.connect(plain)
        line._read_timeout = None  # noqa: SLF001 - the watchdog's
        line._sock.settimeout(None)  # noqa: SLF001
    except errors.Outbound as error:
        raise failed(Failure.UNREACHABLE, str(error)) from error
    except pymysql.MySQLError as error:
        original = getattr(error, "original_exception", None)
        if isinstance(original, OSError):
            raise greeting.broken(original, target) from error
        raise failures.translated(error, secrets) from error


class MysqlSession:
    """One transaction that reads and is rolled back."""

    def __init__(self, line: _Line, target: Target, addresses: Sequence[str]) -> None:
        self._line = line
        self._target = target
        self._addresses = addresses
        self._secrets = tuple(target.secrets.values())
        self._cancels = 0

    def prepare(self) -> None:
        """Fix how values and strings are written, and let nothing be."""
        seconds = max(1, int(self._target.limit_seconds))
        is_mariadb = "mariadb" in str(self._line.get_server_info()).lower()
        self.rows(catalog.MODE)
        if is_mariadb:
            self.rows(catalog.LIMIT_MARIADB, (seconds,))
        else:
            self.rows(catalog.LIMIT_MYSQL, (seconds * 1000,))
        self.rows(catalog.READ_ONLY)
        self.rows(catalog.START)

    def read(self, query: Query, *, rows_per_batch: int) -> MysqlResult:
        """Begin the query; its rows stay on the server until they are asked for."""
        cursor = self._run(query.text, None)
        columns = [
            Column(name=one[0], type=_TYPES.get(one[1], str(one[1])).lower())
            for one in cursor.description or ()
        ]
        return MysqlResult(self, cursor, columns, rows_per_batch)

    def estimate(self, query: Query) -> Estimate:
        """Ask the optimizer for rows; a view that may be read may not be explained."""
        try:
            cursor = self._run(catalog.EXPLAIN + query.text, None)
        except errors.ReadFailed as error:
            if error.failure == Failure.PERMISSION:
                return Estimate()
            raise
        names = [one[0] for one in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in self.fetch(cursor, None)]
        return Estimate(rows=max((int(one.get("rows") or 0) for one in found), default=None))

    def tables(self, search: str, *, most: int) -> Sequence[Table]:
        """List tables and views that the role knows, but those of the system."""
        return tables.grouped(self.rows(catalog.TABLES, (search, most)))

    def powers(self) -> Sequence[str]:
        """Read the grants of the role."""
        return catalog.powers(str(row[0]) for row in self.rows(catalog.GRANTS))

    def cancel(self) -> None:
        """Ask the server to stop what runs; where it does not listen, cut the connection."""
        self._cancels += 1
        if self._cancels > _MOST_CANCELS:
            self._cut()
            return
        asking = threading.Thread(target=self._ask_to_cancel, name="cancel", daemon=True)
        asking.start()
        asking.join(_CANCEL_SECONDS)

    def _ask_to_cancel(self) -> None:
        with contextlib.suppress(errors.ReadFailed, pymysql.MySQLError, OSError):
            other = _line(self._target)
            _open(other, self._target, self._addresses)
            with contextlib.closing(other), other.cursor() as cursor:
                cursor.execute(catalog.KILL, (self._line.thread_id(),))

    def _cut(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self._line._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001

    def close(self) -> None:
        """End the connection; what is left of a result is not read, and nothing is committed."""
        result = self._line._result  # noqa: SLF001 - it would read on to the end
        if result is not None:
            result.unbuffered_active, result.connection = False, None
        self._line._force_close()  # noqa: SLF001 - as above

    def rows(self, statement: str, parameters: Sequence[object] | None = None) -> list[Row]:
        """Run a statement to its end. Raises errors.ReadFailed."""
        return self.fetch(self._run(statement, parameters), None)

    def fetch(self, cursor: cursors.SSCursor, count: int | None) -> list[Row]:
        """Fetch some rows, or all that are left."""
        try:
            found = cursor.fetchall() if count is None else cursor.fetchmany(count)
            return list(found or ())
        except (pymysql.MySQLError, OSError, ValueError, AttributeError) as error:
            raise self._failed(error) from error

    def _run(self, statement: str, parameters: Sequence[object] | None) -> cursors.SSCursor:
        try:
            cursor = self._line.cursor()
            cursor.execute(statement, parameters)
        except (pymysql.MySQLError, OSError, ValueError, AttributeError) as error:
            raise self._failed(error) from error
        return cursor

    def _failed(self, error: Exception) -> errors.ReadFailed:
        if isinstance(error, pymysql.MySQLError):
            return failures.translated(error, self._secrets)
        if isinstance(error, UnicodeDecodeError):
            return failed(Failure.QUERY_INVALID, "a text of the result is no UTF-8")
        return failed(Failure.UNREACHABLE, "the connection broke off")


class MysqlResult:
    """The rows of a query, as they come."""

    def __init__(
        self,
        opened: MysqlSession,
        cursor: cursors.SSCursor,
        columns: Sequence[Column],
        rows_per_batch: int,
    ) -> None:
        self._session = opened
        self._cursor = cursor
        self.columns = columns
        self._rows_per_batch = rows_per_batch

    def batches(self) -> Iterator[Sequence[Row]]:
        """Fetch until nothing comes."""
        while rows := self._session.fetch(self._cursor, self._rows_per_batch):
            yield rows
