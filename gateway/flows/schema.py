"""Migrating: the schema is brought to what this version needs, one process at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.store import migrate as migrations
from gateway.store import revisions, timeouts

if TYPE_CHECKING:
    from gateway.store.engine import Pool

# A migration may have a large table to walk through, and another process's to wait for.
LIMIT_SECONDS: Final = 3600.0


def migrate(pool: Pool) -> str:
    """Bring the schema to its head; two at once take turns, and a second run does nothing.

    Returns the revision that the database is at then, which may be a newer version's.
    """
    with pool.begin(limit_seconds=LIMIT_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=LIMIT_SECONDS, lock_seconds=LIMIT_SECONDS)
        migrations.upgrade(conn)
        return revisions.current(conn) or revisions.head()
