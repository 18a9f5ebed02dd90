"""The sweeper: whatever waits is rung for, and applied here while it is not applied elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.store.cohorts import apply_state, inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.flows.cohorts.apply import Applier
    from gateway.jobs import WakeUps
    from gateway.store.db.engine import Pool

# A COPY of some pages takes a fraction of a second; its process is frozen, or its host is gone.
FROZEN_SECONDS: Final = 15.0
# A cohort that waits and has not come further for this long is applied here, rung for or not. What
# counts is progress: not that workers live, nor that a ring was taken.
STUCK_SECONDS: Final = 3.0
# How long a sweep applies pages itself before it looks again at what waits, and at most for each
# cohort in turn. A step that has begun is not broken off.
HELP_SECONDS: Final = 2.0
TURN_SECONDS: Final = 1.0

_log = structlog.get_logger()


class Sweeper:
    """Looks at what waits, again and again; Postgres alone says what that is.

    `alone` tells whether no worker is at work.
    """

    def __init__(
        self,
        pool: Pool,
        applier: Applier,
        wake_ups: WakeUps,
        *,
        alone: Callable[[], bool],
        frozen_seconds: float = FROZEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._applier = applier
        self._wake_ups = wake_ups
        self._alone = alone
        self._frozen_seconds = frozen_seconds
        self._clock = clock
        # How far each waiting cohort had come, and since when it has not come further.
        self._seen: dict[int, tuple[int, float]] = {}

    def sweep(self) -> int:
        """Ring for every cohort that has something to apply; returns how many there were.

        With Redis down, or no worker at work, the work is done here; and so is what is stuck. A
        process that holds a cohort and has been silent for `frozen_seconds` in the middle of a COPY
        loses it.
        """
        with self._pool.read() as conn:
            frozen = apply_state.end_frozen(conn, silent_seconds=self._frozen_seconds)
            waiting = inbox.waiting_cohorts(conn)
        alone = self._alone()
        if frozen:
            _log.warning("worker.frozen", connections=frozen)
        self._note(waiting)
        ours = [one for one in self._seen if alone or not self._wake_ups.notify(one)]
        self._help({*ours, *self._stuck()})
        return len(waiting)

    def _note(self, waiting: Mapping[int, int]) -> None:
        now = self._clock()
        for cohort_id in self._seen.keys() - waiting.keys():
            del self._seen[cohort_id]
        for cohort_id, through in waiting.items():
            if self._seen.get(cohort_id, (None,))[0] != through:
                self._seen[cohort_id] = (through, now)

    def _stuck(self) -> list[int]:
        latest = self._clock() - STUCK_SECONDS
        return [cohort_id for cohort_id, (_, since) in self._seen.items() if since <= latest]

    def _help(self, cohort_ids: Iterable[int]) -> None:
        """Apply what waits for some cohorts, that which has stood still for longest first."""
        end = self._clock() + HELP_SECONDS
        for cohort_id in sorted(cohort_ids, key=lambda one: self._seen[one][1]):
            _drain(self._applier, cohort_id)
            if self._clock() >= end:
                break


def _drain(applier: Applier, cohort_id: int) -> None:
    """Drain one cohort; trouble with it is the next sweep's, and no other cohort's."""
    try:
        applier.drain(cohort_id, budget_seconds=TURN_SECONDS)
    except errors.GatewayError as error:
        _log.warning("sweep.failed", cohort_id=cohort_id, error=type(error).__name__)
