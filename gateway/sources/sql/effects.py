"""Functions with effects: what a query may call of them does more than read.

The list is for telling early. What is not on it, such as a function of the customer's own, only the
role of the database stops.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Effect:
    """A call that has an effect, and where its name starts in the query."""

    name: str
    start: int


def of(node: exp.Expr, dialect: str) -> Effect | None:
    """Return the effect of one node of a parse tree, None if it has none."""
    if dialect == "snowflake" and isinstance(node, exp.Column) and node.table:
        name = node.this
        if name.name.upper() == "NEXTVAL" and not name.quoted:  # it advances a sequence
            return Effect(name="nextval", start=name.meta.get("start", 0))
    if not isinstance(node, exp.Func):
        return None
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    if _PATTERNS[dialect].fullmatch(name) is None:
        return None
    return Effect(name=name.lower(), start=node.meta.get("start", 0))


_POSTGRESQL: Final = re.compile(
    r"""nextval | setval | set_config | lo_\w+ | lowrite | dblink\w* | pg_notify
    | pg_(terminate|cancel)_backend | pg_reload_conf | pg_rotate_logfile\w* | pg_promote
    | pg_(try_)?advisory_\w+ | pg_switch_wal | pg_create_\w+ | pg_drop_\w+ | pg_copy_\w+
    | pg_replication_\w+ | pg_logical_\w+ | pg_wal_replay_(pause|resume) | pg_(start|stop)_backup
    | pg_backup_(start|stop) | pg_file_\w+ | pg_stat_reset\w* | pg_stat_clear_\w+
    | pg_import_system_collations | pg_sync_replication_slots | pg_(clear|restore)_\w+_stats
    | query_to_xml\w* | cursor_to_xml\w*""",
    re.VERBOSE | re.IGNORECASE,
)
_MYSQL: Final = re.compile(
    r"""get_lock | release_(all_)?locks? | load_file | nextval | setval | sys_exec | sys_eval
    | master_pos_wait | master_gtid_wait | source_pos_wait | wait_for_executed_gtid_set
    | group_replication_\w+ | asynchronous_connection_failover_\w+""",
    re.VERBOSE | re.IGNORECASE,
)
_SNOWFLAKE: Final = re.compile(r"system\$\w+ | getnextval", re.VERBOSE | re.IGNORECASE)
_BIGQUERY: Final = re.compile(r"external_query", re.IGNORECASE)

_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = {
    "postgres": _POSTGRESQL,
    "redshift": _POSTGRESQL,
    "mysql": _MYSQL,
    "snowflake": _SNOWFLAKE,
    "bigquery": _BIGQUERY,
}
