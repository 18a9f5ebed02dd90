"""What records and sends spans; imported only when traces are asked for.

What to sample, where to send it and what the service is called come from the environment, as
OpenTelemetry has it (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, …).
"""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from gateway import __version__
from gateway.settings import TraceExporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

SERVICE: Final = "cohort-gateway"
# How long the end of a process waits for what was not sent yet; less than a platform gives it.
FLUSH_SECONDS: Final = 3.0

_EXPORTERS: Final[dict[TraceExporter, Callable[[], SpanExporter]]] = {
    TraceExporter.OTLP: OTLPSpanExporter,
    TraceExporter.CONSOLE: ConsoleSpanExporter,
}


def start(exporter: TraceExporter) -> Tracer:
    """Trace this process from now on; what is left at its end is sent if that is quick."""
    ours = Resource.create({"service.name": SERVICE, "service.version": __version__})
    provider = TracerProvider(
        resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(_EXPORTERS[exporter]()))
    _shut_down_at_exit(provider)
    return provider.get_tracer("gateway", __version__)


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
