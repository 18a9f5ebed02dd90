"""Traces by OpenTelemetry: requests, deliveries, and steps of applying.

Its API is always installed and does nothing by itself. What records and sends spans is an extra
(requirements-otel.txt), which `start` looks for only when the environment asks for traces.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Final

import structlog
from opentelemetry.trace import INVALID_SPAN, NoOpTracer, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.settings import TraceExporter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Tracer

HEADER: Final = "traceparent"
PREFIX: Final = "gateway."
OFF: Final = NoOpTracer()

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_log = structlog.get_logger()


def start(exporter: TraceExporter) -> Tracer:
    """Trace this process if that was asked for and can be; a start never fails for it."""
    if exporter is TraceExporter.NONE:
        return OFF
    lacking = missing()
    if lacking is not None:
        _log.warning("tracing.unavailable", missing=lacking, install="requirements-otel.txt")
        return OFF
    tracer: Tracer = importlib.import_module("gateway.spans").start(exporter)
    return tracer


def missing() -> str | None:
    """Name the package of OpenTelemetry that is not installed; None if traces can be made."""
    try:
        importlib.import_module("gateway.spans")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        return error.name
    return None


def is_on(tracer: Tracer) -> bool:
    """Tell whether spans are recorded; it spares finding out what no span will hold."""
    return not isinstance(tracer, NoOpTracer)


@contextlib.contextmanager
def opened(
    tracer: Tracer, name: str, kind: SpanKind, parent: Context | None = None
) -> Iterator[Span]:
    """Open a span for a block; of an error it gets the type alone, as texts hold personal data."""
    if not is_on(tracer):
        yield INVALID_SPAN
        return
    with tracer.start_as_current_span(
        name, parent, kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def traceparent() -> str | None:
    """Write the place of the open span in its trace as W3C has it; None when nothing is traced."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get(HEADER)


def context(sent: str | None) -> Context:
    """Read a traceparent; one that is absent or malformed has no trace."""
    return _PROPAGATOR.extract({HEADER: sent} if sent else {})


def attributes(facts: Mapping[str, str | int | None]) -> dict[str, str | int]:
    """Name facts (ids and counts, never personal data) as attributes; unknown ones are left out."""
    return {f"{PREFIX}{name}": value for name, value in facts.items() if value is not None}
