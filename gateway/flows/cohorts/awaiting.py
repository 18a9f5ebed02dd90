"""Waiting for changes: looked for again and again, without a connection in between."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.flows.cohorts import lookup
from gateway.store.cohorts import cohort_version
from gateway.waits import NEVER

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from gateway.flows.cohorts.lookup import Changes, Preconditions, Tagged
    from gateway.flows.cohorts.read_routing import ReadRouter
    from gateway.store.db.engine import Pool

LOOK_SECONDS: Final = 0.25

T = TypeVar("T")


def news(
    look: Callable[[], T],
    is_new: Callable[[T], bool],
    *,
    seconds: float,
    ending: threading.Event = NEVER,
) -> T:
    """Look until something is new or the time is up; returns what the last look found.

    `ending` is set when this process is to end: nothing is waited for then.
    """
    end = time.monotonic() + seconds
    found = look()
    while not is_new(found) and (left := end - time.monotonic()) > 0:
        if ending.wait(min(LOOK_SECONDS, left)):
            break
        found = look()
    return found


def changes(
    pool: Pool,
    readers: ReadRouter,
    cohort_id: int,
    *,
    after: int,
    limit: int,
    asker: Preconditions,
    seconds: float,
    ending: threading.Event = NEVER,
) -> Tagged[Changes]:
    """List changes as `lookup.changes` does, once there are some or the time is up.

    The pool is the primary's: a replica that lacks the news is not asked for it.
    """
    if seconds:
        last = news(
            lambda: _last(pool, cohort_id),
            lambda last: last != after,
            seconds=seconds,
            ending=ending,
        )
        asker = dataclasses.replace(asker, min_seq=max(asker.min_seq, last or 0))
    return lookup.changes(readers, cohort_id, after=after, limit=limit, asker=asker)


def _last(pool: Pool, cohort_id: int) -> int | None:
    with pool.read() as conn:
        return cohort_version.last_change(conn, cohort_id)
