"""The epoch: a text that changes when a database went back to an earlier state of itself.

A restored database gives numbers of changes out a second time, so a position in them means
something only together with the epoch that it was read in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection


def get(conn: Connection) -> str:
    (epoch,) = _GET.column(conn, {})
    return str(epoch)


def put(conn: Connection, epoch: str) -> None:
    conn.execute(_END)
    conn.execute(_BEGIN, {"epoch": epoch})


_GET = Statement("SELECT epoch FROM epochs")

_END = text("DELETE FROM epochs")

_BEGIN = text("INSERT INTO epochs (epoch) VALUES (:epoch)")
