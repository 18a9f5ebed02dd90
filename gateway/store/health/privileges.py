"""How Postgres treats our role: which tables it may change, under which limits, by which way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.health.installation_rules import SessionFacts

if TYPE_CHECKING:
    from sqlalchemy import Connection


def facts(conn: Connection) -> SessionFacts:
    """Read what there is to judge; any role may."""
    fields = dict(conn.execute(_FACTS).one()._mapping)
    refused = tuple(fields["tables_refused"])
    return SessionFacts(**{**fields, "tables_refused": refused}, grants=to_serve(conn))


def to_serve(conn: Connection) -> tuple[str, ...]:
    """Write the statements that would give our role what serving needs and it lacks."""
    return tuple(conn.execute(_TO_SERVE).scalars())


def to_migrate(conn: Connection) -> tuple[str, ...]:
    """Write the statements that would give our role what migrating needs and it lacks."""
    return (*tuple(conn.execute(_TO_MIGRATE).scalars()), *to_serve(conn))


# current_schema() leaves out schemas that our role may not use; the first that is meant counts.
_PLACE = """
    WITH place AS (
        SELECT n.oid, n.nspname
        FROM regexp_split_to_table(current_setting('search_path'), ' *, *')
            WITH ORDINALITY AS listed (name, number)
        JOIN pg_namespace n ON n.nspname = replace(
            replace(listed.name, '"$user"', current_user), '"', '')
        ORDER BY n.nspname = current_schema() DESC, listed.number LIMIT 1
    )
"""

_TO_SERVE = text(
    _PLACE
    + """
    SELECT format('GRANT USAGE ON SCHEMA %I TO %I;', nspname, current_user)
    FROM place WHERE NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I;',
                  nspname, current_user)
    FROM place WHERE EXISTS (
        SELECT FROM pg_class c WHERE c.relnamespace = place.oid AND c.relkind IN ('r', 'p')
        AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                 AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))
"""
)

# Only the owner of a table may alter it.
_TO_MIGRATE = text(
    _PLACE
    + """
    SELECT format('GRANT CREATE ON SCHEMA %I TO %I;', nspname, current_user)
    FROM place WHERE NOT has_schema_privilege(oid, 'CREATE')
    UNION ALL
    SELECT DISTINCT format('GRANT %I TO %I;', pg_get_userbyid(c.relowner), current_user)
    FROM place JOIN pg_class c ON c.relnamespace = place.oid AND c.relkind IN ('r', 'p')
    WHERE NOT pg_has_role(c.relowner, 'USAGE')
"""
)

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
