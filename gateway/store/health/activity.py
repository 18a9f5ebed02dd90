"""Activity: what the server of Postgres is busy with, and what takes its room."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from psycopg2 import extensions
from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transaction:
    """An open transaction of another session, and the sessions that it waits for."""

    pid: int
    application: str
    state: str
    began_at: datetime.datetime
    waits_for: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connections:
    """How many connections a role has open under the name of a program."""

    role: str
    application: str
    count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table of this database with its indexes."""

    name: str
    bytes: int


def transactions(conn: Connection) -> list[Transaction]:
    """List the open transactions of other sessions, the oldest first."""
    rows = conn.execute(_TRANSACTIONS).mappings()
    return [Transaction(**{**row, "waits_for": tuple(row["waits_for"])}) for row in rows]


def connections(conn: Connection) -> list[Connections]:
    """List the holders of connections, those with the most first."""
    return [Connections(**row) for row in conn.execute(_CONNECTIONS).mappings()]


def tables(conn: Connection, *, limit: int) -> list[Table]:
    return [Table(**row) for row in conn.execute(_TABLES, {"limit": limit}).mappings()]


def end(conn: Connection, pid: int) -> bool:
    """End a session of this database; False if there is none of this number."""
    return conn.execute(_END, {"pid": pid}).scalar_one_or_none() is True


def set_password(conn: Connection, password: str) -> None:
    """Give the role of this connection a password; the server is sent a verifier of it alone."""
    role = conn.execute(_ROLE).scalar_one()
    verifier = extensions.encrypt_password(
        password, role, conn.connection.driver_connection, "scram-sha-256"
    )
    conn.execute(_SET_PASSWORD, {"verifier": verifier})


_TRANSACTIONS = text("""
    SELECT pid, coalesce(application_name, '') AS application, coalesce(state, '') AS state,
           xact_start AS began_at, pg_blocking_pids(pid) AS waits_for
    FROM pg_stat_activity
    WHERE xact_start IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
    ORDER BY xact_start
""")

_CONNECTIONS = text("""
    SELECT coalesce(usename, '') AS role, coalesce(application_name, '') AS application,
           count(*) AS count
    FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
""")

_TABLES = text("""
    SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class
    WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)
    ORDER BY 2 DESC, 1 LIMIT :limit
""")

_END = text("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = :pid AND datname = current_database() AND pid <> pg_backend_pid()
""")

_ROLE = text("SELECT current_user")

_SET_PASSWORD = text("ALTER ROLE CURRENT_USER PASSWORD :verifier")
