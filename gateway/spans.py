"""The tracer that OpenTelemetry listens to; imported only when traces are asked for.

What to sample, where to send it and what the service is called come from the environment, as
OpenTelemetry has it (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, …).
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway import __version__
from gateway.settings import TraceExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

    from gateway.tracing import Fact, Step

SERVICE: Final = "cohort-gateway"
PREFIX: Final = "gateway."
TRACEPARENT: Final = "traceparent"
# How long the end of a process waits for what was not sent yet; less than a platform gives it.
FLUSH_SECONDS: Final = 3.0

_EXPORTERS: Final[dict[TraceExporter, Callable[[], SpanExporter]]] = {
    TraceExporter.OTLP: OTLPSpanExporter,
    TraceExporter.CONSOLE: ConsoleSpanExporter,
}
_PROPAGATOR: Final = TraceContextTextMapPropagator()


def start(exporter: TraceExporter) -> Spans:
    """Trace this process from now on; what is left at its end is sent if that is quick."""
    ours = Resource.create({"service.name": SERVICE, "service.version": __version__})
    provider = TracerProvider(
        resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(_EXPORTERS[exporter]()))
    _shut_down_at_exit(provider)
    return Spans(provider)


def _shut_down_at_exit(provider: TracerProvider) -> None:
    """Bound what OpenTelemetry does not: a collector that hangs would hold the end up.

    The thread is started now because at the end of a process none can be.
    """
    ending, ended = threading.Event(), threading.Event()

    def shut_down() -> None:
        ending.wait()
        provider.shutdown()
        ended.set()

    def leave() -> None:
        ending.set()
        ended.wait(FLUSH_SECONDS)

    threading.Thread(target=shut_down, name="spans", daemon=True).start()
    atexit.register(leave)


class Span:
    """A span that is open."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        """Its context as W3C writes it; None when OpenTelemetry itself is switched off."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(self._span))
        return carrier.get(TRACEPARENT)

    def tell(self, **facts: Fact) -> None:
        """Set attributes; those without a dot are ours."""
        self._span.set_attributes(_attributes(facts))

    def fail(self, reason: str) -> None:
        """Give it the status of an error."""
        self._span.set_status(StatusCode.ERROR, reason)


class Spans:
    """A tracer that writes spans."""

    is_on: Final = True

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer("gateway", __version__)

    @contextlib.contextmanager
    def request(self, *, method: str, route: str, traceparent: str | None) -> Iterator[Span]:
        """Open the span of a request, within the caller's trace if it has one."""
        parent = _PROPAGATOR.extract({TRACEPARENT: traceparent} if traceparent else {})
        with self._open(f"{method} {route}", SpanKind.SERVER, parent) as span:
            span.tell(**{"http.request.method": method, "http.route": route})
            yield span

    def delivery(self) -> contextlib.AbstractContextManager[Span]:
        """Open the span of a page that is stored; applying it will be linked to this one."""
        return self._open("accept page", SpanKind.PRODUCER)

    def applied(self, step: Step) -> None:
        """Write the span of a step that is over.

        A step of several pages has several origins, so it is a trace of its own with links. That of
        one page goes on with the page's trace.
        """
        parents = [_PROPAGATOR.extract({TRACEPARENT: one}) for one in step.traceparents]
        ended = time.time_ns()
        span = self._tracer.start_span(
            "apply pages",
            context=parents[0] if len(parents) == 1 else None,
            kind=SpanKind.CONSUMER,
            links=_links(parents),
            attributes=_attributes(step.facts),
            start_time=ended - int(step.seconds * 1e9),
        )
        if step.failure:
            span.set_status(StatusCode.ERROR, step.failure)
        span.end(ended)

    @contextlib.contextmanager
    def _open(self, name: str, kind: SpanKind, parent: Context | None = None) -> Iterator[Span]:
        """Open a span; of an error only the type is told, its text may hold somebody's data."""
        with self._tracer.start_as_current_span(
            name, parent, kind, record_exception=False, set_status_on_exception=False
        ) as opened:
            span = Span(opened)
            try:
                yield span
            except Exception as error:
                span.fail(type(error).__name__)
                raise


def _links(parents: Sequence[Context]) -> list[trace.Link]:
    return [trace.Link(trace.get_current_span(one).get_span_context()) for one in parents]


def _attributes(facts: Mapping[str, Fact]) -> dict[str, str | int]:
    """Name facts as attributes; those that are not known are left out."""
    return {
        name if "." in name else f"{PREFIX}{name}": value
        for name, value in facts.items()
        if value is not None
    }
