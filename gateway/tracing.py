"""What a tracer is told: requests, deliveries, and steps of applying; by default nobody listens.

Nothing of OpenTelemetry is imported here. It is an extra (requirements-otel.txt), and `start` looks
for it only when the environment asks for traces.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from typing import TYPE_CHECKING, Final, Protocol, cast

import structlog

from gateway.settings import TraceExporter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Fact = str | int | None

_log = structlog.get_logger()


class Span(Protocol):
    """Something that is going on."""

    @property
    def traceparent(self) -> str | None:
        """Its place in a trace, as W3C writes it; None when nobody traces."""

    def tell(self, **facts: Fact) -> None:
        """Add to what is known of it: ids and counts, never people's data."""

    def fail(self, reason: str) -> None:
        """Say that it failed, in a word of ours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """A step of applying that is over; `traceparents` are those of its pages."""

    seconds: float
    traceparents: Sequence[str]
    facts: Mapping[str, Fact]
    failure: str | None = None


class Tracer(Protocol):
    """Who is told; asking `is_on` saves finding out what nobody wants to know."""

    @property
    def is_on(self) -> bool:
        """Whether anybody listens."""

    def request(
        self, *, method: str, route: str, traceparent: str | None
    ) -> contextlib.AbstractContextManager[Span]:
        """Tell of a request for as long as the block takes; the caller may have a trace already."""

    def delivery(self) -> contextlib.AbstractContextManager[Span]:
        """Tell of the storing of a page; its traceparent is what the inbox keeps."""

    def applied(self, step: Step) -> None:
        """Tell of a step that is over."""


class _Silence:
    traceparent: Final = None

    def tell(self, **facts: Fact) -> None:
        """Tell nobody."""

    def fail(self, reason: str) -> None:
        """Tell nobody."""


class Off:
    """The tracer that nobody listens to."""

    is_on: Final = False

    def request(self, **_told: str | None) -> contextlib.AbstractContextManager[Span]:
        """Tell nobody."""
        return _SILENCE

    def delivery(self) -> contextlib.AbstractContextManager[Span]:
        """Tell nobody."""
        return _SILENCE

    def applied(self, step: Step) -> None:
        """Tell nobody."""


_SILENCE: Final = contextlib.nullcontext(_Silence())
OFF: Final = Off()


def start(exporter: TraceExporter) -> Tracer:
    """Begin to trace if that was asked for and can be; traces are never worth a failed start."""
    if exporter is TraceExporter.NONE:
        return OFF
    lacking = missing()
    if lacking is not None:
        _log.warning("tracing.unavailable", missing=lacking, install="requirements-otel.txt")
        return OFF
    return cast("Tracer", importlib.import_module("gateway.spans").start(exporter))


def missing() -> str | None:
    """Name the package of OpenTelemetry that is not installed; None if traces can be made."""
    try:
        importlib.import_module("gateway.spans")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        return error.name
    return None
