"""What is asked of Snowflake beside queries: tables, estimates, and the powers of a role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from gateway.sources.sql import values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.sources.sql.session import Row

CANCEL: Final = "SELECT SYSTEM$CANCEL_ALL_QUERIES(%s)"
EXPLAIN: Final = "EXPLAIN USING JSON "

TABLES: Final = """
    SELECT c.table_schema, c.table_name, c.column_name, c.data_type
    FROM information_schema.columns c
    JOIN (
        SELECT table_schema, table_name FROM information_schema.tables
        WHERE table_schema <> 'INFORMATION_SCHEMA'
          AND CONTAINS(LOWER(table_schema || '.' || table_name), LOWER(%s))
        ORDER BY table_schema, table_name LIMIT %s) t
        ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""

ROLE: Final = "SELECT CURRENT_ROLE()"
# Of the roles that the session has, also those that its role was granted.
PRIVILEGES: Final = """
    SELECT privilege_type, MIN(object_schema || '.' || object_name)
    FROM information_schema.object_privileges
    WHERE grantee IN (SELECT role_name FROM information_schema.enabled_roles)
      AND privilege_type NOT IN ('SELECT', 'USAGE', 'REFERENCES', 'MONITOR', 'READ')
    GROUP BY privilege_type ORDER BY privilege_type
"""
_ADMINISTRATORS: Final = frozenset(
    {"ACCOUNTADMIN", "GLOBALORGADMIN", "ORGADMIN", "SECURITYADMIN", "SYSADMIN", "USERADMIN"}
)
# Of a column of these types the client hands over the text of JSON.
_JSON: Final = frozenset({"ARRAY", "GEOGRAPHY", "GEOMETRY", "MAP", "OBJECT", "VARIANT", "VECTOR"})


def powers(role: str | None, privileges: Iterable[Row]) -> Sequence[str]:
    """Say in which ways a role may do more than read; one of the system's is told alone."""
    if role in _ADMINISTRATORS:
        return [f"it is {role}"]
    return [f"it has {privilege} on {name}" for privilege, name in privileges]


def planned_bytes(plan: str) -> int | None:
    """Read from a plan what would be scanned, None if it does not tell."""
    try:
        found = json.loads(plan)["GlobalStats"]["bytesAssigned"]
    except (ValueError, TypeError, KeyError):
        return None
    return found if type(found) is int else None


def is_json(type_name: str) -> bool:
    return type_name in _JSON


def decoded(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Read the text of a column of JSON; what is none stays as it is."""
    return values.of_json(value) if isinstance(value, str) else value
