"""What comes of a load that was read: it is applied, or waits for an approval."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gateway.core.cohorts import approval
from gateway.core.cohorts.load import Mode, State
from gateway.flows.cohorts import load, loading
from gateway.store.cohorts import accept, guards, loads, receipts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Load
    from gateway.core.cohorts.receipt import Problem
    from gateway.jobs import Doorbell
    from gateway.store.db.engine import Pool

Asked = receipts.Asked


@contextlib.contextmanager
def begun(
    pool: Pool, cohort_id: int, asked: Asked, *, now: datetime.datetime
) -> Iterator[tuple[Connection, Load]]:
    """Begin to read a replace, in one transaction with what the caller notes of it.

    Raises errors.NotFound.
    """
    with load.counted(pool, cohort_id) as (conn, counters):
        one = load.take_place(conn, cohort_id, counters, Mode.REPLACE, State.READING, now=now)
        receipts.describe(conn, one, asked)
        receipts.begin(conn, one, now=now)
        yield conn, one


def fail(pool: Pool, one: Load, problem: Problem, *, now: datetime.datetime) -> None:
    """End a load that cannot be read; nothing happens to one that has ended."""
    with pool.begin() as conn:
        current = loads.lock(conn, one.cohort_id, one.number)
        if current is not None and current.state is State.READING:
            load.end(conn, current, State.FAILED, now=now)
            receipts.fail(conn, current, problem)


def submit(pool: Pool, one: Load, *, doorbell: Doorbell, now: datetime.datetime) -> None:
    """Let a load be applied unless its cohort's guard holds it.

    Raises errors.Conflict if it is not being read.
    """
    difference = load.compare(pool, one)
    with pool.begin() as conn:
        counters = accept.counters(conn, one.cohort_id)
        current = loads.lock(conn, one.cohort_id, one.number)
        if counters is None or current is None or not _is_of(current, one):
            return
        enter, leave = difference.would_enter, difference.would_exit
        receipts.note_end(conn, current, repeated=difference.repeated)
        receipts.note_would(conn, current, enter=enter, leave=leave)
        effect = approval.Effect(read=current.received, members=difference.members, leaving=leave)
        guard = guards.get(conn, one.cohort_id)
        waits = approval.needed(current.mode, guard, effect, review=False)
        if waits is None:
            load.make_visible(conn, current, counters, now=now)
        else:
            receipts.hold(conn, current, waits, expires_at=now + loading.APPROVAL_KEPT)
    if waits is None:
        load.announce(one, doorbell)


def _is_of(current: Load, one: Load) -> bool:
    """Tell whether a load still is read by the reading that has `one`."""
    return (current.state, current.epoch) == (State.READING, one.epoch)
