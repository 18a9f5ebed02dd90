"""Managing: what an operator does to a cohort or to a stuck delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import moments
from gateway.core.access.actor import GATEWAY
from gateway.flows.cohorts import lookup, planned
from gateway.flows.cohorts.lookup import Filter
from gateway.flows.cohorts.parts import ListPage
from gateway.store.cohorts import apply_state, backlog, hours, removals
from gateway.store.db import audit, timeouts

if TYPE_CHECKING:
    import datetime

    from gateway.core.access.actor import Actor
    from gateway.store.cohorts.backlog import Delivery
    from gateway.store.db.engine import Pool

# How long to wait for a running apply, and how long the deletion of a large cohort may take.
LOCK_SECONDS: Final = 10.0
REMOVE_SECONDS: Final = 300.0
MOST_LISTED: Final = 1000

Deleted = removals.Deleted


def delete_cohort(
    pool: Pool,
    cohort_id: int,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
    lock_seconds: float = LOCK_SECONDS,
) -> None:
    """Delete a cohort: everybody exits, its pages and sessions are dropped, its webhook is closed.

    Raises errors.NotFound, also for one deleted before, and errors.Unavailable if a running apply
    holds it up.
    """
    with pool.begin(limit_seconds=REMOVE_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=REMOVE_SECONDS, lock_seconds=lock_seconds)
        state = apply_state.lock(conn, cohort_id)
        if state is None or removals.is_deleted(conn, cohort_id):
            raise errors.NotFound(lookup.NO_COHORT)
        removals.let_everyone_exit(conn, cohort_id, now=now)
        hours.add(conn, cohort_id, entered=0, exited=state.member_count, now=now)
        removals.close(conn, cohort_id, now=now)
        audit.write(conn, actor, "cohort.deleted", cohort_id, now=now)


def restore_cohort(
    pool: Pool,
    cohort_id: int,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
    lock_seconds: float = LOCK_SECONDS,
) -> None:
    """Restore a deleted cohort, empty; nothing happens to one that is not deleted.

    Raises errors.NotFound if there never was one, or its source was removed, and
    errors.Unavailable if it is held up.
    """
    with pool.begin(limit_seconds=lock_seconds + 1) as conn:
        timeouts.allow(conn, statement_seconds=lock_seconds + 1, lock_seconds=lock_seconds)
        if apply_state.lock(conn, cohort_id) is None:
            raise errors.NotFound("no such cohort")
        if not removals.has_source(conn, cohort_id):
            raise errors.NotFound("the source of this cohort was removed; nothing can come to it")
        if removals.is_deleted(conn, cohort_id):
            removals.reopen(conn, cohort_id, now=now)
            planned.begin(conn, cohort_id, by=actor.name, now=now)
            planned.hasten(conn, now=now)
            audit.write(conn, actor, "cohort.restored", cohort_id, now=now)


def deleted_cohorts(pool: Pool, which: Filter) -> list[Deleted]:
    """List deleted cohorts, the newest deletion first; at most a thousand."""
    with pool.read() as conn:
        return removals.listing(conn, which, limit=MOST_LISTED)


def deleted_part(
    pool: Pool, *, after: tuple[int, int] | None, limit: int
) -> ListPage[Deleted, tuple[int, int]]:
    """List a part of the deleted cohorts; a position is microseconds and id."""
    with pool.read() as conn:
        found = removals.listing(conn, Filter(), limit=limit + 1, after=after)
    return ListPage.cut(found, limit, lambda one: (moments.micros(one.deleted_at), one.id))


def retry_delivery(
    pool: Pool, cohort_id: int, number: int, *, now: datetime.datetime, actor: Actor = GATEWAY
) -> Delivery:
    """Put a blocked delivery back into the queue; the caller rings for its cohort.

    Raises errors.NotFound if it neither waits nor is blocked, errors.Conflict if it waits already.
    """
    with pool.begin() as conn:
        requested = backlog.request_retry(conn, cohort_id, number, now=now)
        found = backlog.get(conn, cohort_id, number)
        if requested:
            audit.write(conn, actor, "delivery.retried", f"{cohort_id}-{number}", now=now)
    if found is None:
        raise errors.NotFound("no such delivery waits or is blocked")
    if not requested:
        raise errors.Conflict("this delivery is not blocked; it waits for its turn")
    return found
