"""Pools of Postgres connections with limits on every wait, and what their errors mean."""

from __future__ import annotations

import contextlib
import select
import time
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extensions
import sqlalchemy
from sqlalchemy import event, exc

from gateway import errors, startup
from gateway.core import deadline
from gateway.store.db import statement, watchdog
from gateway.store.db.session import Limits, Wishes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy.pool import ConnectionPoolEntry

    from gateway.store.db.statement import Pipeline

# SQLSTATE classes and codes. No code at all: the connection broke, and the outcome is unknown.
TRANSIENT_CLASSES = ("08", "53", "57", "58")
TRANSIENT_CODES = ("40001", "40P01", "55P03", "25006", "25P03")
# Postgres at odds with itself, or with our encoding: it has no such character.
INTERNAL_CODES = ("XX000", "22P05")
# No right to a thing, or to any schema in which things could be.
DENIED_CODES = ("42501", "3F000")
POISON_CLASSES = ("22", "23", "54")

# Without a SQLSTATE these come from the driver itself and are our bug, not a lost connection.
_DRIVER_BUGS = (psycopg2.ProgrammingError, psycopg2.NotSupportedError)

# What Python calls the encoding that has every character.
_ANY_TEXT = ("utf-8", "utf8")

POOL_TIMEOUT_SECONDS = 2
CONNECT_TIMEOUT_SECONDS = 2
# A process that was stopped in mid-transaction holds its locks for this long at most; what it does
# between two statements takes far less.
IDLE_SECONDS = 10.0
# A server is gone if its machine has acknowledged nothing for this long. More than the keepalives
# take would outlast them too: Linux then goes by this alone. (The server's side has no such limit;
# it would end exports when their reader pauses.)
GONE_SECONDS = 20.0
# A proxy that takes no start-up options says so within this time, and is not offered any for the
# next while.
REFUSAL_SECONDS = 1.0
WITHOUT_OPTIONS_SECONDS = 600.0
# Under this name a connection remembers that its limits have to be set in each transaction.
POOLED = "pooled"
# The server's own statement limit should fire first: it leaves the connection usable.
SERVER_FIRST_SECONDS = 1.0


class Pool:
    """One purpose's connections to Postgres.

    Nothing is opened until the first use. `limit_seconds` bounds each statement on the server and,
    for a server that does not answer at all, each transaction from this side. What the URL says of
    its own goes before what is usual here.
    """

    def __init__(self, url: str, *, name: str, size: int, limit_seconds: float) -> None:
        given = sqlalchemy.make_url(url).query
        self._wishes = Wishes(_limits(limit_seconds), startup.parse(str(given.get("options", ""))))
        usual = _usual(name, limit_seconds).items()
        self._engine = sqlalchemy.create_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            pool_recycle=1800,
            hide_parameters=True,  # they are people's data, and errors would print them
            connect_args={
                **{parameter: value for parameter, value in usual if parameter not in given},
                "client_encoding": self._wishes.encoding,
                "options": self._wishes.options,
            },
        )
        event.listen(self._engine, "do_connect", self._open)
        event.listen(self._engine, "connect", self._note_pooler)
        event.listen(self._engine, "checkout", _refuse_closed_connection)
        self._limit_seconds = limit_seconds
        self._without_options_until = 0.0

    @property
    def engine(self) -> sqlalchemy.Engine:
        """The engine below, for Alembic and for tests."""
        return self._engine

    @contextlib.contextmanager
    def begin(self, limit_seconds: float | None = None) -> Iterator[Connection]:
        """Open a transaction that commits when the block ends and rolls back when it raises.

        Raises errors.Unavailable (try again), errors.Poison (this data never) or
        errors.InternalError.
        """
        with (
            translated(),
            self._connect() as conn,
            watchdog.guarding(conn, self._patience_seconds(limit_seconds)),
            self._transaction(conn),
        ):
            yield conn

    @contextlib.contextmanager
    def read(self, limit_seconds: float | None = None) -> Iterator[Connection]:
        """Lend a connection in autocommit: BEGIN and ROLLBACK would double a look-up's cost.

        Behind a pooler it is a transaction all the same, because it has no limits otherwise.
        """
        with (
            translated(),
            self._connect() as conn,
            watchdog.guarding(conn, self._patience_seconds(limit_seconds)),
            self._transaction(conn) if is_pooled(conn) else _autocommit(conn),
        ):
            yield conn

    @contextlib.contextmanager
    def apart(self) -> Iterator[Connection]:
        """Lend a connection in autocommit, behind a pooler too: for what no transaction may hold.

        There the limits are the server's own.
        """
        with (
            translated(),
            self._connect() as conn,
            watchdog.guarding(conn, self._patience_seconds(None)),
            _autocommit(conn),
        ):
            yield conn

    @contextlib.contextmanager
    def single(self) -> Iterator[Connection]:
        """Lend a connection for one trip; its statements are a transaction by themselves.

        PostgreSQL's documentation, "Multiple Statements in a Simple Query".
        """
        with self.read() as conn:
            yield conn

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """Open a transaction, as `begin` does; its statements share their round trips."""
        with (
            translated(),
            self._connect() as conn,
            watchdog.guarding(conn, self._patience_seconds(None)),
            _autocommit(conn),
            statement.pipeline(conn) as trip,
        ):
            if is_pooled(conn):
                self._wishes.impose(trip.conn)
            yield trip

    @contextlib.contextmanager
    def _transaction(self, conn: Connection) -> Iterator[None]:
        with conn.begin():
            if is_pooled(conn):
                self._wishes.impose(conn)
            yield

    def _note_pooler(
        self, connection: psycopg2.extensions.connection, record: ConnectionPoolEntry
    ) -> None:
        """Remember whether what was asked for while connecting is in force.

        A pooler that lends its servers by the transaction has to drop it, and setting it for a
        session of its would set it for strangers.
        """
        connection.autocommit = True
        if connection.encoding != self._wishes.encoding:  # or the driver would not send all texts
            connection.set_client_encoding(self._wishes.encoding)
        record.info[POOLED] = not self._wishes.come_true(connection)
        connection.autocommit = False

    def _open(
        self, _dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]
    ) -> psycopg2.extensions.connection:
        """Connect; without start-up options where a proxy refuses them, as RDS Proxy does.

        Its refusal has no SQLSTATE here, so it is known by what helps. Empty options are not none:
        with none, libpq would take those of PGOPTIONS.
        """
        began = time.monotonic()
        if began >= self._without_options_until:
            try:
                return _connected(parameters)
            except psycopg2.OperationalError:
                if time.monotonic() - began > REFUSAL_SECONDS:
                    raise
        connection = _connected({**parameters, "options": ""})
        if began >= self._without_options_until:
            self._without_options_until = began + WITHOUT_OPTIONS_SECONDS
        return connection

    def _connect(self) -> Connection:
        try:
            return self._engine.connect()
        except exc.InvalidRequestError as error:  # what the pool says when it gives up
            message = "the database closes every new connection"
            raise errors.Unavailable(message, retry_after_seconds=2) from error

    def _patience_seconds(self, limit_seconds: float | None) -> float:
        """How long this side waits: longer than the server's limit, never beyond the request's."""
        patience = (limit_seconds or self._limit_seconds) + SERVER_FIRST_SECONDS
        left = deadline.remaining_seconds()
        if left <= 0:
            message = "the database had no time left to do this"
            raise errors.Unavailable(message, retry_after_seconds=1)
        return min(patience, left)

    def close(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()


def is_pooled(conn: Connection) -> bool:
    """Tell whether a pooler stands between us and the server that dropped our limits."""
    return bool(conn.info[POOLED])


def _limits(limit_seconds: float) -> Limits:
    return Limits(
        statement_ms=int(limit_seconds * 1000),
        lock_ms=int(limit_seconds * 1000),
        idle_ms=int(min(limit_seconds, IDLE_SECONDS) * 1000),
    )


def _usual(name: str, limit_seconds: float) -> dict[str, str | int]:
    return {
        "application_name": f"gateway-{name}",
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": int(min(limit_seconds, GONE_SECONDS) * 1000),
        # Where a shell's variables would lead to another server than the URL names.
        "hostaddr": "",
        "target_session_attrs": "any",
    }


def _connected(parameters: dict[str, Any]) -> psycopg2.extensions.connection:
    connection: psycopg2.extensions.connection = psycopg2.connect(**parameters)
    return connection


def _refuse_closed_connection(
    dbapi_connection: psycopg2.extensions.connection, _record: object, _proxy: object
) -> None:
    """Let the pool replace a connection that the server has closed, without a round trip.

    An idle connection has nothing to read; if it has, it is the server's goodbye.
    """
    poller = select.poll()
    poller.register(dbapi_connection.fileno(), select.POLLIN)
    if poller.poll(0):
        message = "the server closed this idle connection"
        raise exc.DisconnectionError(message)


@contextlib.contextmanager
def _autocommit(conn: Connection) -> Iterator[None]:
    """Have each statement commit by itself.

    SQLAlchemy's own way (`isolation_level`) undoes it while it returns the connection. If the
    server has closed that one, it raises there, and its place in the pool is lost for good.
    """
    driver: Any = conn.connection.dbapi_connection
    driver.autocommit = True
    try:
        yield
    finally:
        with contextlib.suppress(psycopg2.Error):  # closed: the pool will see that for itself
            driver.autocommit = False


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what SQLAlchemy raises into this project's errors, by SQLSTATE alone."""
    try:
        yield
    except exc.DBAPIError as error:
        raise classify(error) from error
    except psycopg2.Error as error:  # COPY goes around SQLAlchemy
        raise name_sqlstate(error.pgcode, driver_bug=isinstance(error, _DRIVER_BUGS)) from error
    except UnicodeEncodeError as error:
        if error.encoding in _ANY_TEXT:
            raise  # half a character: the text is at fault
        message = f"the connection to the database takes only {error.encoding}"
        raise errors.Unavailable(message) from error
    except exc.TimeoutError as error:
        message = "every database connection is busy"
        raise errors.Unavailable(message, retry_after_seconds=2) from error


def classify(error: exc.DBAPIError) -> errors.GatewayError:
    """Name a database error: Unavailable, Poison or InternalError. The text carries no data."""
    lost = error.connection_invalidated
    driver_bug = isinstance(error.orig, _DRIVER_BUGS) and not lost
    return name_sqlstate(getattr(error.orig, "pgcode", None), driver_bug=driver_bug)


def name_sqlstate(sqlstate: str | None, *, driver_bug: bool) -> errors.GatewayError:
    """Name what a SQLSTATE means; without one the connection broke, unless the driver is at fault.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    if sqlstate is None:
        return _without_sqlstate(driver_bug=driver_bug)
    if sqlstate in INTERNAL_CODES:
        return errors.DatabaseInternalError(
            f"the database had an internal error (SQLSTATE {sqlstate})"
        )
    if sqlstate in DENIED_CODES:
        return errors.Denied(f"the database denies this to our role (SQLSTATE {sqlstate})")
    if sqlstate in TRANSIENT_CODES or sqlstate[:2] in TRANSIENT_CLASSES:
        return errors.Unavailable(f"the database cannot do this now (SQLSTATE {sqlstate})")
    if sqlstate[:2] in POISON_CLASSES:
        message = f"the database refuses this data (SQLSTATE {sqlstate})"
        return errors.Poison(message, sqlstate=sqlstate)
    return errors.InternalError(f"the database reported SQLSTATE {sqlstate}")


def _without_sqlstate(*, driver_bug: bool) -> errors.GatewayError:
    if driver_bug:
        return errors.InternalError("the database driver refused a statement")
    return errors.Unavailable("the database did not answer")
