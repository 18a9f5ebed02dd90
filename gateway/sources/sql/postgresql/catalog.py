"""What is asked of the catalogue of PostgreSQL: tables, types, and the powers of a role."""

from __future__ import annotations

from typing import Final

TYPES: Final = """
    SELECT CAST(oid AS bigint), format_type(oid, NULL) FROM pg_catalog.pg_type
    WHERE oid IN %(codes)s
"""

TABLES: Final = """
    SELECT t.nspname, t.relname, a.attname, format_type(a.atttypid, a.atttypmod)
    FROM (
        SELECT c.oid, n.nspname, c.relname
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
          AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
          AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
          AND position(lower(%(search)s) IN lower(n.nspname || '.' || c.relname)) > 0
        ORDER BY n.nspname, c.relname LIMIT %(most)s) t
    LEFT JOIN pg_catalog.pg_attribute a
        ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY t.nspname, t.relname, a.attnum
"""

# A superuser has every other power, so it is told alone.
POWERS: Final = """
    WITH role AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = current_user),
    relations AS (
        SELECT c.oid, c.relowner, n.nspname || '.' || c.relname AS name
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
          AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'),
    owned AS (
        SELECT min(name) AS name, count(*) AS more FROM relations
        WHERE pg_has_role(relowner, 'USAGE') HAVING count(*) > 0),
    writable AS (
        SELECT min(name) AS name, count(*) AS more FROM relations
        WHERE has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE') HAVING count(*) > 0),
    powerful AS (
        SELECT string_agg(rolname, ', ' ORDER BY rolname) AS names FROM pg_catalog.pg_roles
        WHERE rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_maintain',
                          'pg_execute_server_program', 'pg_signal_backend', 'pg_checkpoint',
                          'pg_create_subscription')
          AND pg_has_role(oid, 'USAGE'))
    SELECT power FROM unnest(
        CASE WHEN (SELECT rolsuper FROM role) THEN ARRAY['it is a superuser'] ELSE ARRAY[
        (SELECT 'it owns ' || name || CASE WHEN more > 1
            THEN ' and ' || (more - 1) || ' more' ELSE '' END FROM owned),
        (SELECT 'it may write ' || name || CASE WHEN more > 1
            THEN ' and ' || (more - 1) || ' more' ELSE '' END FROM writable),
        (SELECT 'it may create roles or databases' FROM role WHERE rolcreaterole OR rolcreatedb),
        (SELECT 'it may replicate' FROM role WHERE rolreplication),
        (SELECT 'it is a member of ' || names FROM powerful WHERE names IS NOT NULL),
        (SELECT 'it may create schemas' WHERE has_database_privilege(current_database(), 'CREATE')),
        (SELECT 'it may create tables in ' || min(nspname) FROM pg_catalog.pg_namespace
         WHERE nspname NOT LIKE 'pg\\_%%' AND has_schema_privilege(oid, 'CREATE')
         HAVING count(*) > 0)
    ] END) AS power
    WHERE power IS NOT NULL
"""
