"""How Postgres treats our role: which tables it may change, under which limits, by which way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.operation import SessionFacts

if TYPE_CHECKING:
    from sqlalchemy import Connection


def facts(conn: Connection) -> SessionFacts:
    """Read what there is to judge; any role may."""
    fields = dict(conn.execute(_FACTS).one()._mapping)
    return SessionFacts(**{**fields, "tables_refused": tuple(fields["tables_refused"])})


# A Unix socket has no address, which is not a public one. transaction_timeout is new in 17.
_FACTS = text("""
    SELECT coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false)
               AS encrypted,
           coalesce(NOT (inet_server_addr() <<= ANY (CAST(ARRAY[
               '127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10',
               '169.254.0.0/16', '::1/128', 'fc00::/7', 'fe80::/10'] AS inet[]))), false)
               AS address_is_public,
           current_setting('transaction_isolation') AS isolation,
           (SELECT CAST(p.setting AS double precision) / 1000
            FROM pg_settings p WHERE p.name = 'transaction_timeout') AS transaction_timeout,
           ARRAY(SELECT CAST(c.relname AS text) FROM pg_class c
                 WHERE c.relnamespace = CAST(current_schema() AS regnamespace)
                   AND c.relkind IN ('r', 'p')
                   AND NOT (has_table_privilege(c.oid, 'SELECT')
                            AND has_table_privilege(c.oid, 'INSERT')
                            AND has_table_privilege(c.oid, 'UPDATE')
                            AND has_table_privilege(c.oid, 'DELETE'))
                 ORDER BY c.relname) AS tables_refused
""")
