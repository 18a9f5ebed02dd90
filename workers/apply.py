"""RQ's half of applying: answer the ring, drain the cohort, ring again if time ran out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from gateway.flows.apply import Drained
from workers import runtime

if TYPE_CHECKING:
    from workers.runtime import Runtime

_log = structlog.get_logger()


def drain(cohort_id: int) -> None:
    """Apply what waits for a cohort; if that fails, the sweeper will ask for it again."""
    try:
        apply(runtime.current(), cohort_id)
    except Exception as error:  # noqa: BLE001 - RQ would log and keep its text, which may hold data
        _log.error("apply.failed", cohort_id=cohort_id, exc_info=error)


def apply(run: Runtime, cohort_id: int) -> None:
    """Apply what waits for a cohort in this process. Raises what the flow and Redis raise."""
    run.doorbell.answer(cohort_id)
    if run.applier.drain(cohort_id) is Drained.OUT_OF_TIME:
        run.doorbell.ring(cohort_id)
