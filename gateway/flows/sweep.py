"""The sweeper: whatever waits is rung for, and drained here while nobody else can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from gateway import errors
from gateway.store import heartbeats, inbox

if TYPE_CHECKING:
    from gateway.flows.apply import Applier
    from gateway.jobs import Doorbell
    from gateway.store.engine import Pool

_log = structlog.get_logger()


def sweep(pool: Pool, applier: Applier, doorbell: Doorbell) -> int:
    """Ring for every cohort that has something to apply; returns how many there were.

    Postgres alone says what waits. With Redis down, or no worker alive, the work is done here.
    """
    with pool.read() as conn:
        waiting = inbox.waiting_cohorts(conn)
        alone = heartbeats.alive(conn, heartbeats.WORKER) == 0
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
