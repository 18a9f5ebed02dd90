"""Tracing when nobody asked for it, or when what it takes is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

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
assert not runtime.make(servers).applier._tracer.is_on
print("gateway.spans" in sys.modules, "opentelemetry.exporter" in sys.modules)
"""

MISSING: Final = """
import sys
sys.modules["opentelemetry"] = None
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


def test_opentelemetry__while_nobody_asks_for_traces__is_not_loaded_by_us() -> None:
    assert said(START).splitlines()[-1] == "False False"  # redis-py looks for a part of it itself


def test_opentelemetry__asked_for_and_not_installed__is_said_and_done_without() -> None:
    first, *_, last = said(MISSING).splitlines()
    assert "tracing.unavailable" in first
    assert "requirements-otel.txt" in first
    assert last == "True"


@pytest.mark.parametrize("exporter", [TraceExporter.OTLP, TraceExporter.CONSOLE])
def test_tracer__asked_for__is_on(exporter: TraceExporter) -> None:
    program = (
        f"from gateway import tracing as t; print(t.start(t.TraceExporter('{exporter}')).is_on)"
    )
    assert said(program).splitlines()[-1] == "True"


def test_tracer__that_is_off__takes_everything_and_has_no_trace() -> None:
    tracer = tracing.start(TraceExporter.NONE)
    assert not tracer.is_on
    tracer.applied(tracing.Step(seconds=1, traceparents=[], facts={}))
    for block in (tracer.request(method="GET", route="/", traceparent=None), tracer.delivery()):
        with block as span:
            span.tell(page=1)
            span.fail("why")
            assert span.traceparent is None
