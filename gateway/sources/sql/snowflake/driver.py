"""Sessions with Snowflake through its connector: one role, one warehouse, and rows in batches."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from snowflake import connector
from snowflake.connector.constants import FIELD_ID_TO_NAME

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import https, session, tables
from gateway.sources.sql.failures import failed
from gateway.sources.sql.session import Column, Estimate, Table
from gateway.sources.sql.snowflake import catalog, failures, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.sources.sql.queries import Query
    from gateway.sources.sql.session import Row, Target

_HTTP: Final = "http"
_CANCEL_SECONDS: Final = 5.0
_REQUEST_SECONDS: Final = 60
_CLOSE_SECONDS: Final = 3
# Of the chunks that are fetched ahead.
_MEMORY_MIB: Final = 64
_AHEAD: Final = 2
_NAMES: Final = ("warehouse", "role", "database", "schema")
# What the connection itself is told; the rest is of the source.
_OPTIONS: Final[Mapping[str, Any]] = {
    "application": session.APPLICATION,
    "client_store_temporary_credential": False,  # or tokens would be kept on disk
    "platform_detection_timeout_seconds": 0,  # or it would ask addresses of clouds for itself
    "secondary_roles": "NONE",  # or a session could do what all roles of the user can
    "login_timeout": int(session.CONNECT_SECONDS),
    "connect_timeout": int(session.CONNECT_SECONDS),
    "retry_timeout": _REQUEST_SECONDS,
    "retry_max_attempts": 3,
    "client_memory_limit": _MEMORY_MIB,
    "client_prefetch_threads": _AHEAD,
    "enable_server_session_keep_alive_auto_detection": False,
    "server_session_keep_alive": False,
    "logout_total_timeout_seconds": _CLOSE_SECONDS,
    "auto_cleanup": False,
}


def greet(target: Target, addresses: Sequence[str]) -> None:
    """Connect without signing in."""
    host, port = settings.place(target.config)
    https.greet(host, port, addresses, is_plain=_protocol(target) == _HTTP)


def connect(target: Target, addresses: Sequence[str]) -> SnowflakeSession:
    """Sign in, to read only. Raises errors.ReadFailed.

    The client connects by name; `addresses` were checked, and its names are Snowflake's own.
    """
    return SnowflakeSession(_line(target, addresses), target, addresses)


def _protocol(target: Target) -> str:
    return str(target.config.get("protocol") or "https")  # only tests know another


def _line(target: Target, addresses: Sequence[str]) -> connector.SnowflakeConnection:
    host, port = settings.place(target.config)
    named = {name: target.config[name] for name in _NAMES if target.config[name]}
    credentials = _credentials(target)
    try:
        return connector.connect(
            account=target.config["account"],
            user=target.config["user"],
            host=host,
            port=port,
            protocol=_protocol(target),
            session_parameters=_parameters(target),
            **named,
            **credentials,
            **_OPTIONS,
        )
    except connector.Error as error:
        # Its number is the same for what is refused and what is not reached.
        greet(target, addresses)
        message = str(error.raw_msg or error)
        raise failed(Failure.SIGN_IN_FAILED, message, target.secrets.values()) from error


def _parameters(target: Target) -> Mapping[str, Any]:
    return {
        "QUERY_TAG": session.APPLICATION,
        "STATEMENT_TIMEOUT_IN_SECONDS": max(1, int(target.limit_seconds)),
        "ABORT_DETACHED_QUERY": True,
        "TIMEZONE": "UTC",
        "CLIENT_TELEMETRY_ENABLED": False,
    }


def _credentials(target: Target) -> Mapping[str, str]:
    key, token = target.secrets.get("private_key"), target.secrets.get("token")
    if key:
        passphrase = target.secrets.get("private_key_passphrase")
        return {"authenticator": "SNOWFLAKE_JWT", "private_key": _opened(key, passphrase)}
    if token:
        return {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": token}
    raise failed(Failure.SIGN_IN_FAILED, "there is neither a private key nor a token")


def _opened(key: str, passphrase: str | None) -> str:
    """Decrypt a key, which the client would not tell from a server that is not there."""
    try:
        made = serialization.load_pem_private_key(
            key.encode(), password=passphrase.encode() if passphrase else None
        )
    except (ValueError, TypeError) as error:
        message = "the private key cannot be read; is its passphrase right?"
        raise failed(Failure.SIGN_IN_FAILED, message) from error
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


class SnowflakeSession:
    """A session of one role, in which only queries are sent."""

    def __init__(
        self, line: connector.SnowflakeConnection, target: Target, addresses: Sequence[str]
    ) -> None:
        self._line = line
        self._number = line.session_id
        self._target = target
        self._addresses = addresses
        self._secrets = tuple(target.secrets.values())

    def read(self, query: Query, *, rows_per_batch: int) -> SnowflakeResult:
        """Run the query; its rows stay in Snowflake until they are asked for."""
        return SnowflakeResult(self, self._run(query.text), rows_per_batch)

    def estimate(self, query: Query) -> Estimate:
        """Ask for the plan, which needs no warehouse."""
        ((plan, *_), *_) = self.rows(catalog.EXPLAIN + query.text) or [("",)]
        return Estimate(bytes=catalog.planned_bytes(str(plan)))

    def tables(self, search: str, *, most: int) -> Sequence[Table]:
        """List tables and views of the database that the role may see."""
        return tables.grouped(self.rows(catalog.TABLES, (search, most)))

    def powers(self) -> Sequence[str]:
        """Ask which privileges the role has in the database."""
        ((role, *_),) = self.rows(catalog.ROLE)
        privileges = self.rows(catalog.PRIVILEGES) if self._target.config["database"] else []
        return catalog.powers(role, privileges)

    def cancel(self) -> None:
        """Ask by another session to cancel what runs in this one."""
        asking = threading.Thread(target=self._ask_to_cancel, name="cancel", daemon=True)
        asking.start()
        asking.join(_CANCEL_SECONDS)

    def _ask_to_cancel(self) -> None:
        with (
            contextlib.suppress(connector.Error, errors.ReadFailed),
            contextlib.closing(_line(self._target, self._addresses)) as other,
        ):
            other.cursor().execute(catalog.CANCEL, (self._number,))

    def close(self) -> None:
        """End the session; nothing was begun that could be committed."""
        with contextlib.suppress(connector.Error):
            self._line.close()

    def rows(self, statement: str, parameters: Sequence[object] | None = None) -> list[Row]:
        """Run a statement to its end. Raises errors.ReadFailed."""
        return self.fetch(self._run(statement, parameters), None)

    def fetch(self, cursor: Any, count: int | None) -> list[Row]:  # noqa: ANN401 - the client's
        """Fetch some rows, or all that are left."""
        try:
            return list(cursor.fetchall() if count is None else cursor.fetchmany(count))
        except connector.Error as error:
            raise self._failed(error) from error

    def _run(self, statement: str, parameters: Sequence[object] | None = None) -> Any:  # noqa: ANN401 - as above
        try:
            return self._line.cursor().execute(statement, parameters)
        except connector.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: connector.Error) -> errors.ReadFailed:
        message = str(error.raw_msg or error)
        return failures.of_number(error.errno, error.sqlstate, message, self._secrets)


class SnowflakeResult:
    """The rows of a query, as they are fetched."""

    def __init__(self, opened: SnowflakeSession, cursor: Any, rows_per_batch: int) -> None:  # noqa: ANN401 - the client's
        self._session = opened
        self._cursor = cursor
        self._rows_per_batch = rows_per_batch
        kinds = [FIELD_ID_TO_NAME.get(one[1], str(one[1])) for one in cursor.description]
        self.columns: Sequence[Column] = [
            Column(name=one[0], type=kind.lower())
            for one, kind in zip(cursor.description, kinds, strict=True)
        ]
        self._of_json = [place for place, kind in enumerate(kinds) if catalog.is_json(kind)]

    def batches(self) -> Iterator[Sequence[Row]]:
        """Fetch until nothing comes."""
        while rows := self._session.fetch(self._cursor, self._rows_per_batch):
            yield [self._decoded(row) for row in rows] if self._of_json else rows

    def _decoded(self, row: Row) -> Row:
        written = list(row)
        for place in self._of_json:
            written[place] = catalog.decoded(written[place])
        return tuple(written)
