"""What the Postgres server says of itself: settings and rights that promises rest on, and room."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.health.server_rules import PostgresFacts
from gateway.store.db import citus

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Room:
    """What the database takes on disk, its nodes included, and how many more connections we get."""

    database_bytes: int
    free_connections: int


def room(conn: Connection) -> Room:
    """Read how much is taken and left, as our role sees it; any role may."""
    row = conn.execute(_ROOM).one()
    elsewhere = citus.spread_bytes(conn) if row.is_spread else 0
    return Room(
        database_bytes=row.database_bytes + elsewhere, free_connections=row.free_connections
    )


def facts(conn: Connection) -> PostgresFacts:
    """Read what there is to judge, as our role sees it; any role may."""
    fields = dict(conn.execute(_FACTS).one()._mapping)
    return PostgresFacts(**{**fields, "unlogged_tables": tuple(fields["unlogged_tables"])})


# The server, the database and the role each have a limit; the nearest counts. Backends are counted
# from pg_stat_database, because other roles' rows of pg_stat_activity say little to us.
_ROOM = text("""
    SELECT pg_database_size(d.oid) AS database_bytes,
           CAST(greatest(0, least(
               CAST(current_setting('max_connections') AS integer)
                   - CAST(current_setting('superuser_reserved_connections') AS integer)
                   - CAST(coalesce(current_setting('reserved_connections', true), '0') AS integer)
                   - (SELECT sum(numbackends) FROM pg_stat_database),
               CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - b.numbackends END,
               CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit - (
                   SELECT count(*) FROM pg_stat_activity WHERE usename = current_user)
               END)) AS integer) AS free_connections,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS is_spread
    FROM pg_database d
    JOIN pg_stat_database b ON b.datid = d.oid
    JOIN pg_roles r ON r.rolname = current_user
    WHERE d.datname = current_database()
""")

_FACTS = text("""
    SELECT current_setting('server_version') AS version,
           CAST(current_setting('server_version_num') AS integer) AS version_number,
           current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('synchronous_standby_names') AS synchronous_standbys,
           (SELECT CAST(count(*) AS integer) FROM pg_stat_replication) AS standbys,
           current_setting('server_encoding') AS encoding,
           pg_is_in_recovery() AS in_recovery,
           current_setting('transaction_read_only') = 'on' AS read_only,
           current_setting('autovacuum') = 'on' AND current_setting('track_counts') = 'on'
               AS autovacuum,
           has_database_privilege(d.oid, 'TEMPORARY') AS may_make_temporary_tables,
           ARRAY(SELECT CAST(relname AS text) FROM pg_class
                 WHERE relnamespace = CAST(current_schema() AS regnamespace)
                   AND relkind = 'r' AND relpersistence = 'u' ORDER BY relname)
               AS unlogged_tables,
           clock_timestamp() AS clock
    FROM pg_database d WHERE d.datname = current_database()
""")
