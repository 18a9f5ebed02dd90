"""Scrubbing: the lines of erased people are cut out of every page that is kept.

An erased person is left out of what is accepted and applied from then on, so nothing they would
come back by hangs on this. It is about not keeping their data, and there may be a lot to go
through: a slice at a time, each of which notes in its own transaction how far it has come.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.flows.cohorts import erased
from gateway.store.cohorts import erasures, inbox, page_redactions
from gateway.store.db import timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from gateway.store.cohorts.page_redactions import Page, Place
    from gateway.store.db.engine import Pool

# Of each tick of the scheduler, and of the request that erases.
TICK_SECONDS: Final = 1.0
REQUEST_SECONDS: Final = 2.0

# Finding the next pages may mean to pass over many that are of other sources or later sessions.
SLICE_SECONDS: Final = 60.0
LOCK_SECONDS: Final = 5.0

# Packed rosters in memory at a time, as many as fit or one, and erasures that share a walk.
SLICE_PAGES: Final = 100
SLICE_BYTES: Final = 4 << 20
TOGETHER: Final = 100

# Cohorts with pages that are looked at together, after waiting for all their counters.
SLICE_COHORTS: Final = 100

_log = structlog.get_logger()


def run(pool: Pool, *, seconds: float = TICK_SECONDS, slice_pages: int = SLICE_PAGES) -> None:
    """Go on with what is due until nothing is, another process is at it, or the time is up.

    Raises errors.Unavailable; what was done by then stays done.
    """
    end = time.monotonic() + seconds
    while _run_slice(pool, slice_pages) and time.monotonic() < end:
        pass


def begin(pool: Pool, order: int, *, seconds: float) -> bool:
    """Scrub for one erasure at once, as far as the time goes; False if the rest is left to `run`.

    It was noted with the erasure, so `run` may be at it as well; what is cut twice is cut once.
    """
    try:
        return _walk(pool, order, seconds)
    except errors.Unavailable as error:
        _log.warning("scrub.postponed", order=order, error=type(error).__name__)
        return False


def _walk(pool: Pool, order: int, seconds: float) -> bool:
    """Clean all pages in slices; False if time was up before the last."""
    end, after = time.monotonic() + seconds, page_redactions.START
    while time.monotonic() < end:
        cohort_ids = _await_accepting(pool, [order], after)
        with _slice(pool) as conn:
            following = _clean(conn, [order], after, cohort_ids, SLICE_PAGES)
        if following is None:
            # In a transaction of its own: the holder of the row may be waiting for a page.
            with pool.begin() as conn:
                page_redactions.finish(conn, [order])
            return True
        after = following
    return False


def _run_slice(pool: Pool, slice_pages: int) -> bool:
    """Process the next slice of pending redactions; False if there is none."""
    with _slice(pool) as conn:
        seen = page_redactions.claim(conn, limit=TOGETHER)
    if seen is None:
        return False
    cohort_ids = _await_accepting(pool, seen.orders, seen.after)
    with _slice(pool) as conn:
        due = page_redactions.claim(conn, limit=TOGETHER)
        if due != seen:  # another scheduler is at it, or has been
            return due is not None
        after = _clean(conn, due.orders, due.after, cohort_ids, slice_pages)
        if after is None:
            page_redactions.finish(conn, due.orders)
        else:
            page_redactions.advance(conn, due.orders, after=after)
    if after is None:
        _log.info("scrub.finished", erasures=len(due.orders))
    return True


@contextlib.contextmanager
def _slice(pool: Pool) -> Iterator[Connection]:
    with pool.begin(limit_seconds=SLICE_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=SLICE_SECONDS, lock_seconds=LOCK_SECONDS)
        yield conn


def _await_accepting(pool: Pool, orders: Sequence[int], after: Place) -> list[int]:
    """Wait until every page of the next cohorts is visible that was accepted unaware.

    Returns these cohorts. The locks that are waited for are given back at once: senders wait for
    them as well.
    """
    cohort, number = after
    since = cohort + 1 if number == page_redactions.LAST else cohort
    if after == page_redactions.START:
        with _slice(pool) as conn:
            erasures.await_new_cohorts(conn)
    with _slice(pool) as conn:
        cohort_ids = page_redactions.cohorts(conn, orders, since=since, limit=SLICE_COHORTS)
    with pool.pipeline() as trip:
        for cohort_id in cohort_ids:
            erasures.await_accepting(trip, cohort_id)
    return cohort_ids


def _clean(
    conn: Connection,
    orders: Sequence[int],
    after: Place,
    cohort_ids: Sequence[int],
    limit: int,
) -> Place | None:
    """Cut erased people out of the next pages of some cohorts.

    Returns where to go on, None after the last.
    """
    batch, more = page_redactions.pages(
        conn, orders, cohort_ids, after=after, limit=limit, limit_bytes=SLICE_BYTES
    )
    changed = list(_without_erased(conn, batch))
    if changed:
        page_redactions.rewrite(conn, changed)
    if more:
        return batch[-1].cohort_id, batch[-1].number
    return (cohort_ids[-1], page_redactions.LAST) if len(cohort_ids) == SLICE_COHORTS else None


def _without_erased(conn: Connection, batch: Sequence[Page]) -> Iterator[Page]:
    """Yield the pages that name erased people, without those."""
    for page in batch:
        try:
            text = inbox.unpack(page.roster)
        except errors.Poison:  # damaged: it is unreadable, and must not stop the rest
            continue
        place = erased.Place(cohort_id=page.cohort_id, session=page.session, action=page.action)
        rest = erased.keep(conn, place, text, page.erased)
        if rest is not text:
            yield dataclasses.replace(page, roster=inbox.pack(rest))
