"""Erasing: a person goes from every membership, from the history and from the inbox.

First the erasure is noted, so that whatever is accepted or applied from then on leaves this person
out of sessions that had begun. Then those are waited for that had begun without knowing, and what
they and all before them left behind is removed: what can be read at once, and the lines in the
inbox as `scrub` gets to them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Final

from gateway.flows import scrub
from gateway.store import apply_state, cohorts, erasures, timeouts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.store.engine import Pool

# All waiting for locks together (interface 2), and a pass over one cohort's history.
LOCK_SECONDS: Final = 10.0
PASS_SECONDS: Final = 120.0

# Cohorts waited for at a time.
BATCH_COHORTS: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """In which source and project; None means in all of them."""

    source: str | None = None
    project_id: str | None = None


def erase(
    pool: Pool,
    member_id: str,
    where: Where,
    *,
    now: datetime.datetime,
    lock_seconds: float = LOCK_SECONDS,
    scrub_seconds: float = scrub.REQUEST_SECONDS,
) -> bool:
    """Erase a person; nothing is left to read when this returns, and again is harmless.

    False if there were too many kept pages to take them out of each in `scrub_seconds`; the
    scheduler does the rest. Raises errors.Unavailable if a running apply holds it up; what was done
    by then stays done, and calling again finishes it.
    """
    with pool.begin() as conn:
        order = erasures.put(
            conn, member_id, source=where.source, project_id=where.project_id, now=now
        )
    patience = _Patience(lock_seconds)
    cohort_ids = _await_accepting(pool, where, patience)
    for cohort_id in cohort_ids:
        _forget(pool, cohort_id, member_id, order=order, patience=patience, now=now)
    return scrub.begin(pool, order, seconds=scrub_seconds)


class _Patience:
    """How much of the time for waiting on locks is left."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    @property
    def left_seconds(self) -> float:
        """What is left."""
        return self._left

    @contextlib.contextmanager
    def waiting(self, conn: Connection) -> Iterator[None]:
        """Let the statements of the block wait no longer than what is left."""
        timeouts.allow(conn, statement_seconds=self._left + 1, lock_seconds=self._left)
        began = time.monotonic()
        yield
        self._left = max(0.0, self._left - (time.monotonic() - began))


def _await_accepting(pool: Pool, where: Where, patience: _Patience) -> list[int]:
    """Wait until all is visible that was being accepted unaware; return the cohorts there are."""
    limit_seconds = LOCK_SECONDS + PASS_SECONDS
    with pool.begin(limit_seconds=limit_seconds) as conn, patience.waiting(conn):
        erasures.await_new_cohorts(conn, source=where.source)
    with pool.read() as conn:
        cohort_ids = cohorts.ever(conn, source=where.source, project_id=where.project_id)
    for start in range(0, len(cohort_ids), BATCH_COHORTS):
        # Each cohort may be waited for that long; only this side's limit bounds them all together.
        with pool.begin(limit_seconds=patience.left_seconds) as conn, patience.waiting(conn):
            for cohort_id in cohort_ids[start : start + BATCH_COHORTS]:
                erasures.await_accepting(conn, cohort_id)
    return cohort_ids


def _forget(
    pool: Pool,
    cohort_id: int,
    member_id: str,
    *,
    order: int,
    patience: _Patience,
    now: datetime.datetime,
) -> None:
    """Take somebody out of one cohort, and their id out of its history."""
    with pool.begin(limit_seconds=LOCK_SECONDS + PASS_SECONDS) as conn:
        with patience.waiting(conn):
            state = apply_state.lock(conn, cohort_id)
        floor = 0 if state is None else state.floor
        if erasures.forget(conn, cohort_id, member_id, floor=floor, order=order):
            erasures.exit_nameless(conn, cohort_id, now=now)
        else:
            erasures.enter_again(conn, cohort_id, member_id, floor=floor, order=order, now=now)
    # Without the lock: whatever is applied from here on leaves them out by itself.
    with pool.begin(limit_seconds=LOCK_SECONDS + PASS_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=PASS_SECONDS, lock_seconds=LOCK_SECONDS)
        if erasures.blank_changes(conn, cohort_id, member_id, order=order):
            with patience.waiting(conn):
                apply_state.raise_version(conn, cohort_id, now=now)
