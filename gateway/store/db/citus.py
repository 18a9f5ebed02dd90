"""What Citus tells of nodes and tables; nothing is asked of it where it is not installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.health.cluster_rules import Facts, Node, Server

if TYPE_CHECKING:
    from sqlalchemy import Connection


def is_installed(conn: Connection) -> bool:
    return bool(conn.execute(_IS_INSTALLED).scalar_one())


def facts(conn: Connection) -> Facts:
    """Read what there is to judge, where Citus is installed. Every node is asked."""
    servers = {
        (row.nodename, row.nodeport): Server(**json.loads(row.result))
        for row in conn.execute(_ASK_NODES, {"question": _QUESTION})
        if row.success
    }
    kept = conn.execute(_KEPT).all()
    return Facts(
        nodes=tuple(
            Node(**row._mapping, server=servers.get((row.host, row.port)))
            for row in conn.execute(_NODES)
        ),
        tables={row.name: row.kind for row in kept},
        columns={row.name: row.column for row in kept if row.column is not None},
        **conn.execute(_SETTINGS).one()._mapping,
    )


def any_answers(conn: Connection) -> bool:
    """Tell whether a node answers, or none is known: then everything is here."""
    answers = list(conn.execute(_ASK_NODES, {"question": "SELECT 1"}))
    return not answers or any(row.success for row in answers)


def spread_bytes(conn: Connection) -> int:
    """Sum what the distributed tables take on all nodes that answer."""
    return int(conn.execute(_SPREAD_BYTES).scalar_one())


_IS_INSTALLED = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")

_NODES = text("""
    SELECT nodename AS host, nodeport AS port, groupid = 0 AS coordinator, isactive AS active,
           shouldhaveshards AS holds_shards
    FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid, nodename, nodeport
""")

_ASK_NODES = text("""
    SELECT nodename, nodeport, success, result FROM run_command_on_workers(:question)
""")

# A node answers with one column of one row.
_QUESTION: Final = """
    SELECT json_build_object(
        'fsync', current_setting('fsync'),
        'full_page_writes', current_setting('full_page_writes'),
        'synchronous_commit', current_setting('synchronous_commit'),
        'encoding', current_setting('server_encoding'),
        'max_connections', CAST(current_setting('max_connections') AS integer))
"""

_KEPT = text("""
    SELECT CAST(table_name AS text) AS name, citus_table_type AS kind,
           CASE WHEN citus_table_type = 'distributed' THEN distribution_column END AS column
    FROM citus_tables
""")

_SETTINGS = text("""
    SELECT coalesce(current_setting('citus.propagate_set_commands', true), '') = 'local'
               AS hands_limits_on,
           CAST(current_setting('max_connections') AS integer) AS max_connections
""")

_SPREAD_BYTES = text("""
    SELECT CAST(coalesce(sum(citus_total_relation_size(table_name, fail_on_error => false)), 0)
                AS bigint)
    FROM citus_tables WHERE citus_table_type = 'distributed'
""")
