"""Redacting: an erased person's id is taken out of the history of every cohort.

There may be a lot of history, so this goes from cohort to cohort in slices, each of which is noted
when it is done. Readers do not wait for it: until a cohort is reached, `hide` takes the id out of
each answer.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.flows.cohorts import visit
from gateway.store.cohorts import apply_state, erasures, history_redactions, memberships
from gateway.store.db import timeouts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.store.cohorts.changes import Change
    from gateway.store.cohorts.history_redactions import Extent, Redaction
    from gateway.store.db.engine import Pool

# Of each tick of the scheduler, and of the request that erases.
TICK_SECONDS: Final = 1.0
REQUEST_SECONDS: Final = 2.0

# A slice ends with either; a cohort that has more changes is a slice of its own.
SLICE_COHORTS: Final = 500
SLICE_CHANGES: Final = 2_000_000

SEARCH_SECONDS: Final = 120.0
LOCK_SECONDS: Final = 5.0

_log = structlog.get_logger()


def run(
    pool: Pool,
    *,
    now: datetime.datetime,
    seconds: float = TICK_SECONDS,
    slice_cohorts: int = SLICE_COHORTS,
) -> None:
    """Go on with the oldest redaction until none is left or the time is up.

    Raises errors.Unavailable; what was done by then stays done.
    """
    end, more = time.monotonic() + seconds, True
    while more:
        with pool.read() as conn:
            order = history_redactions.oldest(conn)
        if order is None:
            return
        if _slice(pool, order, now=now, slice_cohorts=slice_cohorts):
            _log.info("redaction.finished", order=order)
        more = time.monotonic() < end


def begin(
    pool: Pool,
    order: int,
    *,
    now: datetime.datetime,
    seconds: float,
    slice_cohorts: int = SLICE_COHORTS,
    lock_seconds: float = LOCK_SECONDS,
) -> bool:
    """Redact for one erasure at once, as far as the time goes; False if the rest is left to `run`.

    Trouble is left to it as well: no reader is shown what is left.
    """
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            if _slice(pool, order, now=now, slice_cohorts=slice_cohorts, lock_seconds=lock_seconds):
                return True
    except errors.Unavailable as error:
        _log.warning("redaction.postponed", order=order, error=type(error).__name__)
    return False


def hide(
    conn: Connection, cohort_id: int, changes: Sequence[Change], due: Sequence[Redaction]
) -> Sequence[Change]:
    """Take the ids out of some changes that redactions have yet to take out of the history."""
    for one in due:
        if any(change.member_id == one.member_id for change in changes):
            last = history_redactions.last_hidden(conn, cohort_id, one)
            changes = [_hidden(change, one.member_id, last) for change in changes]
    return changes


def _hidden(change: Change, member_id: str, last_seq: int) -> Change:
    if change.member_id != member_id or change.seq > last_seq:
        return change
    return dataclasses.replace(change, member_id=None)


def _slice(
    pool: Pool,
    order: int,
    *,
    now: datetime.datetime,
    slice_cohorts: int = SLICE_COHORTS,
    lock_seconds: float = LOCK_SECONDS,
) -> bool:
    """Redact the next cohorts of an erasure; True if it is through.

    How far it is is written last: a slice that dies is done again, and one that two processes do at
    once changes nothing twice.
    """
    with pool.begin(limit_seconds=SEARCH_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=SEARCH_SECONDS, lock_seconds=lock_seconds)
        due = history_redactions.get(conn, order)
        if due is None:
            return True
        following = history_redactions.following(conn, due, limit=slice_cohorts)
        cohort_ids = as_many(following)
        concerned = history_redactions.naming(conn, cohort_ids, due.member_id)
        concerned |= memberships.known(conn, cohort_ids, due.member_id)
    act = functools.partial(_act, due=due, now=now)
    visit.each(pool, sorted(concerned), act, patience=visit.Patience(lock_seconds))
    last = len(cohort_ids) == len(following) < slice_cohorts
    with pool.begin() as conn:
        if last:
            history_redactions.finish(conn, due)
        else:
            history_redactions.advance(conn, due, after=cohort_ids[-1])
    return last


def as_many(following: Sequence[Extent]) -> list[int]:
    """Take as many of the next cohorts as fit one slice by their changes, one of them at least."""
    totals = itertools.accumulate(one.changes for one in following)
    return [
        one.cohort_id
        for place, (one, total) in enumerate(zip(following, totals, strict=True))
        if place == 0 or total <= SLICE_CHANGES
    ]


def _act(
    conn: Connection, cohort_ids: Sequence[int], *, due: Redaction, now: datetime.datetime
) -> None:
    """Blank the history; and take the person out where the request had to leave them in."""
    erasures.forget(conn, cohort_ids, due.member_id, order=due.order, now=now)
    changed = history_redactions.blank(conn, cohort_ids, due.member_id, order=due.order)
    apply_state.raise_versions(conn, changed, now=now)
