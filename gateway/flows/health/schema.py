"""Migrating: the schema is brought to what this version needs, one process at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.flows.sources import built_in
from gateway.store.db import migrate as migrations
from gateway.store.db import schema_version, timeouts
from gateway.store.health import privileges

if TYPE_CHECKING:
    import datetime

    from gateway.store.db.engine import Pool

# A migration may have a large table to walk through, and another process's to wait for.
LIMIT_SECONDS: Final = 3600.0


def prepare(pool: Pool, *, now: datetime.datetime) -> str:
    """Migrate as below, then make the sources that come with this version."""
    revision = migrate(pool)
    if revision == schema_version.head():
        built_in.make(pool, now=now)
    return revision


def migrate(pool: Pool) -> str:
    """Bring the schema to its head; two at once take turns, and a second run does nothing.

    Returns the revision that the database is at then, which may be a newer version's. Raises
    errors.Denied, with the statements that help, where our role lacks a right.
    """
    try:
        return _migrate(pool)
    except errors.Denied as error:
        with pool.read() as conn:
            grants = privileges.to_migrate(conn)
        if not grants:
            raise
        raise errors.Denied(
            f"our role lacks rights that migrating needs; as an administrator of this database,"
            f" run: {' '.join(grants)}"
        ) from error


def _migrate(pool: Pool) -> str:
    with pool.begin(limit_seconds=LIMIT_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=LIMIT_SECONDS, lock_seconds=LIMIT_SECONDS)
        migrations.upgrade(conn)
        return schema_version.current(conn) or schema_version.head()
