"""Steps of applying, told to a tracer: each is linked to the traces its pages came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.cohorts import traces
from gateway.tracing import Step

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.flows.cohorts.work import Work
    from gateway.store.cohorts.inbox import Entry
    from gateway.tracing import Tracer


def parents(tracer: Tracer, work: Work) -> list[list[str]]:
    """Read, for each thing a step did, the traces of its pages; nothing when nobody traces."""
    if not tracer.is_on:
        return []
    return [
        traces.of_deliveries(
            work.conn, work.cohort_id, first=one.first_delivery, last=one.last_delivery
        )
        for one in work.done
    ]


def tell(tracer: Tracer, work: Work, found: list[list[str]], seconds: float) -> None:
    """Tell of a step that is committed."""
    for applied, traceparents in zip(work.done, found, strict=False):
        facts = {"cohort_id": work.cohort_id, **applied.facts()}
        tracer.applied(Step(seconds=seconds, traceparents=traceparents, facts=facts))


def tell_failure(
    tracer: Tracer, conn: Connection, cohort_id: int, entry: Entry, *, code: str, attempts: int
) -> None:
    """Tell of a page that could not be applied."""
    if tracer.is_on:
        number = entry.number
        found = traces.of_deliveries(conn, cohort_id, first=number, last=number)
        facts = {"cohort_id": cohort_id, "first_delivery": number, "attempts": attempts}
        tracer.applied(Step(seconds=0, traceparents=found, facts=facts, failure=code))
