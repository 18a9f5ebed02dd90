"""RQ's half of applying: answer the ring, drain the cohort, ring again if time ran out."""

from __future__ import annotations

from gateway.flows.apply import Drained
from workers import runtime


def drain(cohort_id: int) -> None:
    """Apply what waits for a cohort."""
    run = runtime.current()
    run.doorbell.answer(cohort_id)
    if run.applier.drain(cohort_id) is Drained.OUT_OF_TIME:
        run.doorbell.ring(cohort_id)
