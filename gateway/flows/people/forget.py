"""Removing people and events: erasures at once, deletions of events slice by slice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.actor import GATEWAY
from gateway.core.people import arrival
from gateway.core.people.source import KIND
from gateway.flows.people import lookup
from gateway.flows.people.ingest import digest
from gateway.store.db import audit, timeouts
from gateway.store.people import removal

if TYPE_CHECKING:
    import datetime

    from gateway.core.access.actor import Actor
    from gateway.store.db.engine import Pool

# For the events of one person, or a slice of a deletion, and for a request that is being stored.
ERASE_SECONDS: Final = 8.0
EVENTS_AT_ONCE: Final = 5000
# How long a request that deletes events goes on with it itself; the scheduler does the rest.
REQUEST_SECONDS: Final = 3.0


def forget(pool: Pool, member_id: str, *, source: str | None, now: datetime.datetime) -> None:
    """Erase a person from the people of a source, or of all; again is harmless."""
    with pool.read() as conn:
        source_ids = removal.sources(conn, KIND, source)
    for source_id in source_ids:
        with pool.begin(limit_seconds=ERASE_SECONDS) as conn:
            timeouts.allow(conn, statement_seconds=ERASE_SECONDS, lock_seconds=ERASE_SECONDS)
            removal.hold(conn, source_id)
            removal.forget(conn, source_id, member_id, digest(member_id), now=now)


def delete_events(
    pool: Pool,
    slug: str,
    *,
    name: str | None,
    before: datetime.datetime | None,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
    seconds: float = REQUEST_SECONDS,
) -> None:
    """Delete events of a name, before a time, or both; the scheduler does what takes longer.

    Raises errors.Malformed if neither is given, errors.NotFound or errors.Conflict.
    """
    if name is None and before is None:
        raise errors.Malformed("event: say which events to delete, by event, before, or both")
    source_id = lookup.require_source(pool, slug)
    with pool.begin() as conn:
        wanted = removal.request_deletion(conn, source_id, name=name, before=before, now=now)
        audit.write(conn, actor, "events.deleted", slug, now=now)
    _delete(pool, wanted, time.monotonic() + seconds)


def run(pool: Pool, *, seconds: float = REQUEST_SECONDS) -> bool:
    """Go on with the deletions that are left; False if there are none."""
    return _delete(pool, None, time.monotonic() + seconds)


def _delete(pool: Pool, deletion_id: int | None, end: float) -> bool:
    """Delete for some time; False if there was nothing to delete."""
    found = False
    while time.monotonic() < end:
        with pool.begin() as conn:
            deletion = removal.next_deletion(conn, deletion_id)
            if deletion is None:
                return found
            found = True
            below = arrival.first_id(deletion.up_to)
            deleted = removal.delete_events(conn, deletion, below=below, limit=EVENTS_AT_ONCE)
            if deleted < EVENTS_AT_ONCE:
                removal.finish(conn, deletion)
    return found
