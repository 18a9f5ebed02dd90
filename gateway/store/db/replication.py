"""How far a server is along the log that a primary writes and its replicas replay."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Position:
    """Where the log ends that was written, or replayed, and of which cluster and database."""

    cluster: int
    database: str
    log_end: int

    def shows(self, other: Position) -> bool:
        """Tell whether what is committed there can be read here."""
        same = (self.cluster, self.database) == (other.cluster, other.database)
        return same and self.log_end >= other.log_end


def position(conn: Connection) -> Position:
    """Read where this server is."""
    return Position(**conn.execute(_POSITION).one()._mapping)


def flush(conn: Connection) -> None:
    """Have this transaction's commit, and so every one before it, wait until it is in the log.

    A server may be set not to wait, and what is not flushed yet reaches no replica.
    """
    conn.execute(_WAIT)
    conn.execute(_SOMETHING)


_WAIT = text("SET LOCAL synchronous_commit = on")

_SOMETHING = text("SELECT pg_logical_emit_message(true, 'gateway', 'flush')")

# What was flushed: on a durable server that is every commit that was acknowledged. Where the next
# record will be inserted may lie behind the header of a page that no replica has seen yet.
_POSITION = text("""
    SELECT CAST(c.system_identifier AS bigint) AS cluster, current_database() AS database,
           CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                     ELSE pg_current_wal_flush_lsn() END - CAST('0/0' AS pg_lsn) AS bigint)
               AS log_end
    FROM pg_control_system() c
""")
