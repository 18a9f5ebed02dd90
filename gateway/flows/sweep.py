"""The sweeper: whatever waits is rung for, and drained here while nobody else can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.store import apply_state, heartbeats, inbox

if TYPE_CHECKING:
    from gateway.flows.apply import Applier
    from gateway.jobs import Doorbell
    from gateway.store.engine import Pool

# A COPY of some pages takes a fraction of a second; its process is frozen, or its host is gone.
FROZEN_SECONDS: Final = 15.0

_log = structlog.get_logger()


def sweep(
    pool: Pool, applier: Applier, doorbell: Doorbell, *, frozen_seconds: float = FROZEN_SECONDS
) -> int:
    """Ring for every cohort that has something to apply; returns how many there were.

    Postgres alone says what waits. With Redis down, or no worker alive, the work is done here. Who
    holds a cohort and has been silent for `frozen_seconds` in the middle of a COPY loses it.
    """
    with pool.read() as conn:
        frozen = apply_state.end_frozen(conn, silent_seconds=frozen_seconds)
        waiting = inbox.waiting_cohorts(conn)
        alone = heartbeats.alive(conn, heartbeats.WORKER) == 0
    if frozen:
        _log.warning("worker.frozen", connections=frozen)
    for cohort_id in waiting:
        if alone or not doorbell.ring(cohort_id):
            _drain(applier, cohort_id)
    return len(waiting)


def _drain(applier: Applier, cohort_id: int) -> None:
    """Drain one cohort; trouble with it is the next sweep's, and no other cohort's."""
    try:
        applier.drain(cohort_id)
    except errors.GatewayError as error:
        _log.warning("sweep.failed", cohort_id=cohort_id, error=type(error).__name__)
