"""Activity: what an operator looks at, and ends, in the server of Postgres."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.store.health import activity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.db.engine import Pool
    from gateway.store.health.activity import Connections, Table, Transaction

LARGEST: Final = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Activity:
    """Open transactions, connections and the largest tables, at one moment."""

    transactions: Sequence[Transaction]
    connections: Sequence[Connections]
    tables: Sequence[Table]


def look(pool: Pool) -> Activity:
    with pool.read() as conn:
        return Activity(
            transactions=activity.transactions(conn),
            connections=activity.connections(conn),
            tables=activity.tables(conn, limit=LARGEST),
        )


def end(pool: Pool, pid: int) -> None:
    """End a session and roll back what it had begun. Raises errors.NotFound if there is none."""
    with pool.begin() as conn:
        if not activity.end(conn, pid):
            raise errors.NotFound(f"no other session of this database has the number {pid}")


def set_password(pool: Pool, password: str) -> None:
    """Give the gateway's role another password; connections that are open stay.

    The server gets a verifier and never the password, so none of its logs can hold it.
    """
    with pool.begin() as conn:
        activity.set_password(conn, password)
