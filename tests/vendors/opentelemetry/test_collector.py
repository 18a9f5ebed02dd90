"""Traces and errors of real processes, as collectors on this machine receive them."""

from __future__ import annotations

import collections
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy import text

from tests import stack as stacks
from tests.e2e import documents
from tests.http.webhook import body
from tests.stack import Stack

CANARY = "zqxcanary"


class Collector:
    """A server that takes OTLP at /v1/traces and errors at /errors; it hangs when told to."""

    def __init__(self) -> None:
        self.spans: dict[str, list[tuple[Span, dict[str, str]]]] = collections.defaultdict(list)
        self.errors: list[dict[str, Any]] = []
        self.hanging = threading.Event()
        collector = self

        class Taking(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.hanging.is_set():
                    time.sleep(20)
                collector.take(self.path, raw)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, raw: bytes) -> None:
        """Keep what was sent."""
        if path == "/errors":
            self.errors.append(json.loads(raw))
            return
        for group in ExportTraceServiceRequest.FromString(raw).resource_spans:
            resource = {one.key: one.value.string_value for one in group.resource.attributes}
            for scope in group.scope_spans:
                for span in scope.spans:
                    self.spans[span.name].append((span, resource))

    def one(self, name: str) -> tuple[Span, dict[str, str]]:
        """Wait for the first span of a name."""
        stacks.until(lambda: bool(self.spans[name]))
        return self.spans[name][0]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Lend a collector."""
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def gateway(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start a gateway whose traces and errors go there."""
    folder = tmp_path_factory.mktemp("telemetry")
    examples = [one.text for one in documents.blocks("docs/tracing.md") if "to_url" in one.text]
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "report_errors.py").write_text(examples[-1])
    with stacks.running(
        folder,
        PYTHONPATH=str(hooks),
        ERRORS_URL=f"{collector.url}/errors",
        GATEWAY_ERROR_HOOK="report_errors:to_url",
        GATEWAY_WEB_PROCESSES="1",
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_SERVICE_NAME="cohorts",
        OTEL_BSP_SCHEDULE_DELAY="200",
    ) as running:
        yield running


def test_traces__of_web_and_worker__arrive_at_a_collector_as_one(
    gateway: Stack, collector: Collector
) -> None:
    assert gateway.post(body("traced", "a")).status == 200
    request, service = collector.one("POST /webhooks/mixpanel/<source>")
    delivery, _ = collector.one("accept page")
    apply, of_worker = collector.one("apply pages")
    assert service["service.name"] == of_worker["service.name"] == "cohorts"
    assert request.trace_id == delivery.trace_id == apply.trace_id
    assert (delivery.parent_span_id, apply.parent_span_id) == (request.span_id, delivery.span_id)
    assert [link.span_id for link in apply.links] == [delivery.span_id]


def test_errors__of_web_and_worker__arrive_without_anybodys_data(
    gateway: Stack, collector: Collector
) -> None:
    with gateway.pool() as pool:
        with pool.begin() as conn:
            conn.execute(_HIDE_SYNCS)
        answer = gateway.post(body("broken", CANARY))
        with pool.begin() as conn:
            conn.execute(_SHOW_SYNCS)
            conn.execute(_HIDE_RESULTS)
        assert gateway.post(body("broken", CANARY)).status == 200
        events = ("request.failed", "delivery.failed")
        stacks.until(lambda: set(events) <= {one["event"] for one in collector.errors})
        with pool.begin() as conn:
            conn.execute(_SHOW_RESULTS)
    assert answer.status == 500
    gateway.settle()
    assert CANARY not in json.dumps(collector.errors)
    logged = [line for line in gateway.said().splitlines() if '"request.failed"' in line]
    assert json.loads(logged[0]) in collector.errors


def test_collector_that_hangs__when_the_gateway_stops__holds_it_up_for_seconds_only(
    gateway: Stack, collector: Collector
) -> None:
    collector.hanging.set()
    assert gateway.post(body("last", "a")).status == 200
    gateway.settle()
    began = time.monotonic()
    gateway.process.terminate()
    assert gateway.process.wait(stacks.PATIENCE_SECONDS) == 0
    assert time.monotonic() - began < 12


_HIDE_SYNCS = text("ALTER TABLE syncs RENAME TO hidden")

_SHOW_SYNCS = text("ALTER TABLE hidden RENAME TO syncs")

_HIDE_RESULTS = text("ALTER TABLE sync_results RENAME TO hidden")

_SHOW_RESULTS = text("ALTER TABLE hidden RENAME TO sync_results")
