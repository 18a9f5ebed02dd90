"""Visiting: the same done in many cohorts, each under its lock.

Those that are free are done together, so that their number costs little. Those that are being
applied are waited for afterwards, one by one: nothing else is held up meanwhile.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.store.cohorts import apply_state
from gateway.store.db import timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

    Act = Callable[[Connection, Sequence[int]], None]

# Held together for some ten milliseconds, in which none of them can be applied.
BATCH_COHORTS: Final = 200

# For the work in one batch; its histories may be long.
ACT_SECONDS: Final = 120.0


class Patience:
    """How long all of it may take, waiting for locks included."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def require(self) -> None:
        """Raise errors.Unavailable if the time is up."""
        if time.monotonic() > self._end:
            message = "there are more cohorts to change than one request can; ask again to go on"
            raise errors.Unavailable(message)

    def wait(self, conn: Connection) -> None:
        """Let the next statements of a transaction wait for locks no longer than what is left."""
        left = max(0.0, self._end - time.monotonic())
        timeouts.allow(conn, statement_seconds=left + 1, lock_seconds=left)


def each(pool: Pool, cohort_ids: Sequence[int], act: Act, *, patience: Patience) -> None:
    """Act on the cohorts there are of some, in transactions that hold those acted on.

    Raises errors.Unavailable if a running apply, or all of it, lasts longer than the patience; what
    was done by then stays done.
    """
    busy: list[int] = []
    for start in range(0, len(cohort_ids), BATCH_COHORTS):
        patience.require()
        batch = cohort_ids[start : start + BATCH_COHORTS]
        with pool.begin(limit_seconds=ACT_SECONDS) as conn:
            free = [one for one in batch if apply_state.claim(conn, one) is not None]
            _act(conn, free, act)
        busy += sorted({*batch}.difference(free))
    for cohort_id in busy:
        with pool.begin(limit_seconds=ACT_SECONDS) as conn:
            patience.wait(conn)
            found = apply_state.lock(conn, cohort_id)
            _act(conn, [] if found is None else [cohort_id], act)


def _act(conn: Connection, cohort_ids: Sequence[int], act: Act) -> None:
    if cohort_ids:
        timeouts.allow(conn, statement_seconds=ACT_SECONDS, lock_seconds=ACT_SECONDS)
        act(conn, cohort_ids)
