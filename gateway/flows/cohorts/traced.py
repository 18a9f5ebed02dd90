"""Steps of applying, told to a tracer: each is linked to the traces its pages came in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from gateway import tracing
from gateway.store.cohorts import traces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.flows.cohorts.work import StepContext
    from gateway.store.cohorts.inbox import Entry


def parents(tracer: trace.Tracer, work: StepContext) -> list[list[str]]:
    """Read, for each thing a step did, the traces of its pages; nothing when nothing is traced."""
    if not tracing.is_on(tracer):
        return []
    return [
        traces.of_deliveries(
            work.conn, work.cohort_id, first=one.first_delivery, last=one.last_delivery
        )
        for one in work.done
    ]


def tell(tracer: trace.Tracer, work: StepContext, found: list[list[str]], seconds: float) -> None:
    for applied, traceparents in zip(work.done, found, strict=False):
        facts = {"cohort_id": work.cohort_id, **applied.facts()}
        _write(tracer, traceparents, facts, seconds=seconds)


def tell_failure(
    tracer: trace.Tracer,
    conn: Connection,
    cohort_id: int,
    entry: Entry,
    *,
    code: str,
    attempts: int,
) -> None:
    if tracing.is_on(tracer):
        number = entry.number
        found = traces.of_deliveries(conn, cohort_id, first=number, last=number)
        facts = {"cohort_id": cohort_id, "first_delivery": number, "attempts": attempts}
        _write(tracer, found, facts, failure=code)


def _write(
    tracer: trace.Tracer,
    traceparents: Sequence[str],
    facts: Mapping[str, int],
    *,
    seconds: float = 0,
    failure: str | None = None,
) -> None:
    """Write the span of a step that is over.

    A step of several pages has several origins, so it is a trace of its own with links. That of
    one page goes on with the page's trace.
    """
    origins = [tracing.context(one) for one in traceparents]
    ended = time.time_ns()
    span = tracer.start_span(
        "apply pages",
        context=origins[0] if len(origins) == 1 else None,
        kind=SpanKind.CONSUMER,
        links=[trace.Link(trace.get_current_span(one).get_span_context()) for one in origins],
        attributes=tracing.attributes(facts),
        start_time=ended - int(seconds * 1e9),
    )
    if failure:
        span.set_status(StatusCode.ERROR, failure)
    span.end(ended)
