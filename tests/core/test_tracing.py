"""Tracing when nobody asked for it, or when what it takes is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from opentelemetry.trace import SpanKind

from gateway import tracing
from gateway.settings import TraceExporter

ROOT: Final = Path(__file__).resolve().parent.parent.parent

# What web and worker processes import, and what they make of their environment.
START: Final = """
import sys
from gateway import tracing, wsgi
from gateway.settings import TraceExporter
from workers import __main__, runtime

servers = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/d", "REDIS_URL": "redis://127.0.0.1:1/0"}
wsgi.build(servers)
assert not tracing.is_on(runtime.make(servers).applier._tracer)
print(*(name in sys.modules for name in ("gateway.spans", "opentelemetry.exporter")))
"""

MISSING: Final = """
import sys
sys.modules["opentelemetry.sdk"] = None
from gateway import tracing
from gateway.settings import TraceExporter
print(tracing.start(TraceExporter.OTLP) is tracing.OFF)
"""


def said(program: str) -> str:
    """Run a program in a process of its own, and return what it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_exporter__while_traces_are_not_asked_for__is_not_loaded() -> None:
    assert said(START).splitlines()[-1] == "False False"


def test_sdk__asked_for_and_not_installed__is_said_and_done_without() -> None:
    first, *_, last = said(MISSING).splitlines()
    assert "tracing.unavailable" in first
    assert "requirements-otel.txt" in first
    assert last == "True"


@pytest.mark.parametrize("exporter", [TraceExporter.OTLP, TraceExporter.CONSOLE])
def test_tracer__asked_for__is_on(exporter: TraceExporter) -> None:
    program = (
        f"from gateway import tracing as t; print(t.is_on(t.start(t.TraceExporter('{exporter}'))))"
    )
    assert said(program).splitlines()[-1] == "True"


def test_tracer__that_is_off__takes_everything_and_has_no_trace() -> None:
    tracer = tracing.start(TraceExporter.NONE)
    assert not tracing.is_on(tracer)
    with tracing.opened(tracer, "accept page", SpanKind.PRODUCER) as span:
        span.set_attributes(tracing.attributes({"page": 1, "delivery": None}))
        assert tracing.traceparent() is None
