"""Sessions with PostgreSQL through psycopg2: read-only, with a cursor on the server."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

import psycopg2

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import pem, session, tables
from gateway.sources.sql.failures import failed
from gateway.sources.sql.postgresql import catalog, failures, greeting, types
from gateway.sources.sql.session import Column, Estimate, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.sources.sql.queries import Query
    from gateway.sources.sql.session import Row, Target

_FETCH: Final = "FETCH FORWARD %(rows)s FROM members"
_CLOSE: Final = "CLOSE members"
_CANCEL_SECONDS: Final = 3.0
# After so many cancels the server is taken not to hear them.
_MOST_CANCELS: Final = 3

# In the transaction of the session: so values come in forms that are known, and a read cannot
# become a write any more, because the first snapshot was taken. If the transaction could be ended
# by what is sent, the next one would be as little able to write.
_PREPARE: Final = """
    SELECT set_config('default_transaction_read_only', 'on', false),
           set_config('statement_timeout', %(limit)s, true),
           set_config('lock_timeout', '10s', true),
           set_config('idle_in_transaction_session_timeout', %(limit)s, true),
           set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
           set_config('IntervalStyle', 'iso_8601', true), set_config('bytea_output', 'hex', true),
           set_config('extra_float_digits', '1', true),
           set_config('standard_conforming_strings', 'on', true)
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flavor:
    """The statements in which servers that speak this protocol differ.

    `powers` answers a row for each way in which the role may do more than read.
    """

    prepare: Sequence[str]
    declare: str
    explain: str
    planned_rows: Callable[[Sequence[Row]], int | None]
    powers: str


FLAVOR: Final = Flavor(
    prepare=(_PREPARE,),
    declare="DECLARE members NO SCROLL CURSOR FOR ",
    explain="EXPLAIN (FORMAT JSON) ",
    planned_rows=lambda plan: int(plan[0][0][0]["Plan"]["Plan Rows"]),
    powers=catalog.POWERS,
)


def greet(target: Target, addresses: Sequence[str]) -> None:
    """Connect without signing in."""
    greeting.greet(target, addresses, port=target.config["port"])


def connect(target: Target, addresses: Sequence[str]) -> PostgresSession:
    """Sign in, to read only. Raises errors.ReadFailed."""
    return sign_in(target, addresses, FLAVOR)


def sign_in(target: Target, addresses: Sequence[str], flavor: Flavor) -> PostgresSession:
    """Sign in to a server of one flavor. Raises errors.ReadFailed."""
    try:
        with contextlib.ExitStack() as files:
            line = psycopg2.connect(**_parameters(target, addresses, files))
    except psycopg2.OperationalError as error:
        # libpq has no code for this; if the server does not even let in, this says so.
        greet(target, addresses)
        raise failed(Failure.SIGN_IN_FAILED, str(error), target.secrets.values()) from error
    opened = PostgresSession(line, target, flavor)
    opened.prepare()
    return opened


def _parameters(
    target: Target, addresses: Sequence[str], files: contextlib.ExitStack
) -> dict[str, Any]:
    """Name everything that libpq would else take from the environment or from files at home."""
    config, secrets = target.config, target.secrets
    root = config.get("root_certificate")
    certificate, key = secrets.get("client_certificate"), secrets.get("client_key")
    has_client = bool(certificate and key)
    return {
        "host": ",".join([config["host"]] * len(addresses)),
        "hostaddr": ",".join(addresses),
        "port": config["port"],
        "dbname": config["database"],
        "user": config["user"],
        "password": secrets.get("password", ""),
        "passfile": os.devnull,
        "sslmode": config["sslmode"],
        "sslrootcert": files.enter_context(pem.file(root)) if root else pem.system_bundle(),
        "sslcertmode": "allow" if has_client else "disable",
        "sslcert": files.enter_context(pem.file(certificate or "")),
        "sslkey": files.enter_context(pem.file(key or "")),
        "sslcrl": os.devnull,
        "gssencmode": "disable",
        "target_session_attrs": "any",
        "load_balance_hosts": "disable",
        "application_name": session.APPLICATION,
        "options": "",
        "client_encoding": "UTF8",
        # For each of the addresses.
        "connect_timeout": max(2, int(session.CONNECT_SECONDS / len(addresses))),
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


class PostgresSession:
    """One transaction that reads and is rolled back."""

    def __init__(
        self, line: psycopg2.extensions.connection, target: Target, flavor: Flavor
    ) -> None:
        self._line = line
        self._flavor = flavor
        self._secrets = tuple(target.secrets.values())
        self._limit_seconds = target.limit_seconds
        self._cancels = 0
        self._has_cursor = False

    def prepare(self) -> None:
        self._line.set_session(readonly=True, autocommit=False)
        types.register(self._line)
        limit = str(max(1, int(self._limit_seconds * 1000)))
        for statement in self._flavor.prepare:
            self.rows(statement, {"limit": limit})

    def read(self, query: Query, *, rows_per_batch: int) -> PostgresResult:
        """Declare the cursor, and fetch the first rows, which tell the columns."""
        if self._has_cursor:
            self.rows(_CLOSE)
        declare = self._flavor.declare
        self.rows(declare + query.text, offset=len(declare))
        self._has_cursor = True
        first, described = self.fetch(rows_per_batch)
        kinds = self._kinds([one.type_code for one in described])
        columns = [Column(name=one.name, type=kinds[one.type_code]) for one in described]
        return PostgresResult(self, columns, first, rows_per_batch)

    def estimate(self, query: Query) -> Estimate:
        """Ask the planner."""
        explain = self._flavor.explain
        plan = self.rows(explain + query.text, offset=len(explain))
        return Estimate(rows=self._flavor.planned_rows(plan))

    def tables(self, search: str, *, most: int) -> Sequence[Table]:
        """List tables and views that the role may read, but those of the system."""
        rows = self.rows(catalog.TABLES, {"search": search, "most": most})
        return tables.grouped(rows)

    def powers(self) -> Sequence[str]:
        """Ask the catalogue what the role may do."""
        return [str(row[0]) for row in self.rows(self._flavor.powers, {})]

    def cancel(self) -> None:
        """Ask the server to cancel; where it does not listen, cut the connection."""
        self._cancels += 1
        if self._cancels > _MOST_CANCELS:
            self._cut()
            return
        # A server that is frozen would keep this waiting, too.
        asking = threading.Thread(target=self._ask_to_cancel, name="cancel", daemon=True)
        asking.start()
        asking.join(_CANCEL_SECONDS)

    def _cut(self) -> None:
        with (
            contextlib.suppress(OSError, psycopg2.Error),
            socket.socket(fileno=os.dup(self._line.fileno())) as copy,
        ):
            copy.shutdown(socket.SHUT_RDWR)

    def _ask_to_cancel(self) -> None:
        with contextlib.suppress(psycopg2.Error):
            self._line.cancel()

    def close(self) -> None:
        """End the connection, and with it the transaction, which is rolled back."""
        with contextlib.suppress(psycopg2.Error):
            self._line.close()

    def fetch(self, count: int) -> tuple[list[Row], Sequence[Any]]:
        """Fetch rows from the cursor, with their description."""
        with self._cursor() as cursor:
            try:
                cursor.execute(_FETCH, {"rows": count})
                return cursor.fetchall(), cursor.description or ()
            except (psycopg2.Error, UnicodeDecodeError) as error:
                raise self._failed(error) from error

    def rows(
        self, statement: str, parameters: dict[str, object] | None = None, *, offset: int = 0
    ) -> list[Row]:
        """Run a statement; without parameters its text goes as it is. Raises errors.ReadFailed."""
        with self._cursor() as cursor:
            try:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
            except psycopg2.Error as error:
                raise self._failed(error, offset=offset) from error

    def _cursor(self) -> psycopg2.extensions.cursor:
        try:
            return self._line.cursor()
        except psycopg2.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception, *, offset: int = 0) -> Exception:
        if isinstance(error, psycopg2.Error):
            return failures.translated(error, self._secrets, offset=offset)
        return failed(Failure.QUERY_INVALID, "a text of the result is no UTF-8")

    def _kinds(self, codes: Sequence[int]) -> dict[int, str]:
        rows = self.rows(catalog.TYPES, {"codes": tuple(codes)}) if codes else []
        return dict(rows)


class PostgresResult:
    """The rows of the cursor."""

    def __init__(
        self,
        opened: PostgresSession,
        columns: Sequence[Column],
        first: Sequence[Row],
        rows_per_batch: int,
    ) -> None:
        self._session = opened
        self.columns = columns
        self._first = first
        self._rows_per_batch = rows_per_batch

    def batches(self) -> Iterator[Sequence[Row]]:
        """Fetch until a batch is not full."""
        rows = self._first
        while rows:
            yield types.with_lists(rows, self.columns)
            if len(rows) < self._rows_per_batch:
                return
            rows, _ = self._session.fetch(self._rows_per_batch)
