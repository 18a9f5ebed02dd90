"""Plans: statements that must be carried out in one way, whatever the planner believes.

The planner knows a cohort by the newest statistics, and of one that has grown since it knows
nothing: it takes it for a single row, and a filter over it for the cheapest plan there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection
    from sqlalchemy.sql.elements import TextClause


def run_by_place(conn: Connection, statement: TextClause, parameters: Mapping[str, object]) -> None:
    """Run a statement that names the rows of one cohort by their `ctid`, and have it go there.

    The places have to be read in the same transaction, under the cohort's lock: nothing else moves
    its rows, and what rewrites a whole table waits for the transaction that has read it.
    """
    conn.execute(_BY_PLACE)
    conn.execute(statement, parameters)
    conn.execute(_BY_ANY_WAY)


def by_place(sql: str) -> Statement:
    """Make a statement of one that `run_by_place` would run; all of it is one trip."""
    return Statement(f"{_OFF};{sql};{_ON}")


def join_whole(conn: Connection) -> None:
    """Have what is joined in the rest of this transaction be read once, not once for each row."""
    conn.execute(_JOIN_WHOLE)


_JOIN_WHOLE = text("SELECT set_config('enable_nestloop', 'off', true)")


# Not SET LOCAL: Citus hands that on to its nodes together with the rest of the text it stands in.
_OFF = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true),
           set_config('enable_bitmapscan', 'off', true)
"""

_ON = """
    SELECT set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'on', true),
           set_config('enable_bitmapscan', 'on', true)
"""

_BY_PLACE = text(_OFF)

_BY_ANY_WAY = text(_ON)
