"""What is asked of MySQL and MariaDB beside queries: settings, tables, and the powers of a role."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Strings as the parser reads them, and moments in UTC. A client that takes its time is not cut off.
MODE: Final = """
    SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',
        net_write_timeout = 3600
"""
LIMIT_MYSQL: Final = "SET SESSION max_execution_time = %s"
LIMIT_MARIADB: Final = "SET SESSION max_statement_time = %s"
READ_ONLY: Final = "SET SESSION TRANSACTION READ ONLY"
START: Final = "START TRANSACTION READ ONLY"
EXPLAIN: Final = "EXPLAIN "
KILL: Final = "KILL QUERY %s"
GRANTS: Final = "SHOW GRANTS"

TABLES: Final = """
    SELECT c.table_schema, c.table_name, c.column_name, c.column_type
    FROM information_schema.columns c
    JOIN (
        SELECT table_schema, table_name FROM information_schema.tables
        WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
          AND locate(lower(%s), lower(concat(table_schema, '.', table_name))) > 0
        ORDER BY table_schema, table_name LIMIT %s) t
        ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""

_GRANT: Final = re.compile(r"GRANT (?P<rights>.+?) ON (?P<place>\S+) TO ", re.IGNORECASE)
_COLUMNS: Final = re.compile(r"\([^)]*\)")
_READING: Final = frozenset(
    {"SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REFERENCES"}
)
_MOST_SHOWN: Final = 8


def powers(grants: Iterable[str]) -> Sequence[str]:
    """Say of lines of SHOW GRANTS which rights are more than reading."""
    found = []
    for grant in grants:
        match = _GRANT.match(grant)
        if match is None:
            continue  # a role, of which the rights have lines of their own
        rights = _COLUMNS.sub("", match["rights"]).upper().split(",")
        more = sorted({right.strip() for right in rights} - _READING)
        if more:
            shown = ", ".join(more[:_MOST_SHOWN]) + (" …" if len(more) > _MOST_SHOWN else "")
            found.append(f"it has {shown} on {match['place']}")
    return found
