"""RQ's half of applying: answer the ring, drain the cohort, ring again if time ran out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway.flows.cohorts.apply import Drained
from workers import runtime

if TYPE_CHECKING:
    from workers.runtime import Runtime

# How long a worker listens for the next pages of a sync, and how often before it ends its job.
LISTEN_SECONDS: Final = 0.05
LISTENS: Final = 10

_log = structlog.get_logger()


def drain(cohort_id: int) -> None:
    """Apply what waits for a cohort; if that fails, the sweeper will ask for it again."""
    try:
        apply(runtime.current(), cohort_id)
    except Exception as error:  # noqa: BLE001 - RQ would log and keep its text, which may hold data
        _log.error("apply.failed", cohort_id=cohort_id, exc_info=error)


def apply(run: Runtime, cohort_id: int) -> None:
    """Apply what waits for a cohort in this process. Raises what the flow and Redis raise.

    The ring stays up for a while, so that pages which come soon need no job of their own. One that
    came just before it was taken down rang in vain, so the inbox is looked at once more.
    """
    with run.duty.at_work():
        try:
            drained = _listen(run, cohort_id)
        finally:
            run.wake_ups.answer(cohort_id)
        if drained is not Drained.OUT_OF_TIME:
            drained = run.applier.drain(cohort_id)
    if drained is Drained.OUT_OF_TIME:
        run.wake_ups.notify(cohort_id)


def _listen(run: Runtime, cohort_id: int) -> Drained:
    """Drain a cohort, and again after a moment if more of the same sync is to come.

    Pages that are applied together cost far less than one by one. A worker when another cohort
    waits does not wait itself.
    """
    drained = run.applier.drain(cohort_id)
    for _ in range(LISTENS):
        if drained is not Drained.EXPECTING or run.wake_ups.depth():
            break
        time.sleep(LISTEN_SECONDS)
        drained = run.applier.drain(cohort_id)
    return drained
