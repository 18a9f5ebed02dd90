"""Traces: request, delivery and apply are linked across the queue, and tell nobody's data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Final

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import text

from gateway import app, wsgi
from gateway.flows.cohorts.apply import MAX_ATTEMPTS, Applier
from gateway.handlers.http import deps
from gateway.settings import Settings
from gateway.store.cohorts import inbox, traces
from gateway.store.db.engine import Pool
from tests.http.world import NO_REDIS, Clock, World

CANARY: Final = "zqxcanary"
WEBHOOK: Final = "POST /webhooks/mixpanel/<source>"
CALLER: Final = "0af7651916cd43dd8448eb211c80319c"


class Traced(World):
    """A gateway that is traced, and what it told."""

    def __init__(self, pool: Pool, database_url: str, clock: Clock) -> None:
        self.memory = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.memory))
        tracer = provider.get_tracer("gateway")
        settings = Settings.from_environ({"DATABASE_URL": database_url, "REDIS_URL": NO_REDIS})
        given = dataclasses.replace(wsgi.make_deps(settings, tracer), now=clock)
        super().__init__(pool, app.create_app(given), clock)
        self.applier = Applier(pool, now=clock, tracer=tracer)

    def told(self, name: str) -> list[ReadableSpan]:
        """Return the spans of a name in the order they ended."""
        return [span for span in self.memory.get_finished_spans() if span.name == name]

    def kept(self) -> list[str | None]:
        """Return what the inbox keeps of traces, in the order of receipt."""
        with self.pool.read() as conn:
            return list(conn.execute(_KEPT).scalars())


@pytest.fixture
def traced(pool: Pool, database_url: str) -> Iterator[Traced]:
    """Lend a gateway that is traced."""
    made = Traced(pool, database_url, Clock())
    yield made
    given: deps.Deps = made.app.extensions[deps.EXTENSION]
    given.reading.close()
    given.accepting.close()


def place(span: ReadableSpan) -> tuple[int, int]:
    """Return a span's trace and its own id."""
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def linked(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


def test_trace__of_one_page__goes_from_request_over_delivery_to_apply(traced: Traced) -> None:
    cohort_id = traced.fill(["a", "b"])
    (request,), (delivery,), (apply,) = map(traced.told, (WEBHOOK, "accept page", "apply pages"))
    assert [one.kind for one in (request, delivery, apply)] == [
        SpanKind.SERVER,
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
    ]
    assert request.parent is None
    assert delivery.parent is not None
    assert apply.parent is not None
    assert place(request) == (delivery.parent.trace_id, delivery.parent.span_id)
    assert place(delivery) == (apply.parent.trace_id, apply.parent.span_id)
    assert linked(apply) == [place(delivery)]
    trace_id, span_id = place(delivery)
    assert traced.kept() == [f"00-{trace_id:032x}-{span_id:016x}-03"]
    assert dict(apply.attributes or {}) == {
        "gateway.cohort_id": int(cohort_id),
        "gateway.first_delivery": 1,
        "gateway.last_delivery": 1,
        "gateway.pages": 1,
        "gateway.entered": 2,
        "gateway.exited": 0,
    }
    assert apply.start_time is not None
    assert apply.end_time is not None
    assert 0 < apply.end_time - apply.start_time < 10e9


def test_trace__of_merged_pages__is_one_of_its_own_with_a_link_to_each(traced: Traced) -> None:
    for number in (1, 2, 3):
        traced.post("add_members", [f"{number}"], page=(number, 3))
    traced.apply()
    (apply,) = traced.told("apply pages")
    assert apply.parent is None
    assert linked(apply) == [place(one) for one in traced.told("accept page")]
    assert apply.attributes is not None
    assert (apply.attributes["gateway.pages"], apply.attributes["gateway.entered"]) == (3, 3)


def test_trace__of_a_refresh_that_waits__is_written_once_it_is_applied(traced: Traced) -> None:
    traced.post("members", ["a"], page=(1, 2))
    with traced.pool.read() as conn:
        (cohort_id,) = inbox.waiting_cohorts(conn)
    traced.applier.drain(cohort_id)
    assert traced.told("apply pages") == []
    traced.post("members", ["b"], page=(2, 2))
    traced.applier.drain(cohort_id)
    (apply,) = traced.told("apply pages")
    assert linked(apply) == [place(one) for one in traced.told("accept page")]


def test_trace__the_caller_has_one__goes_on_in_it(traced: Traced) -> None:
    sent = f"00-{CALLER}-b7ad6b7169203331-01"
    traced.http.post("/webhooks/mixpanel/default", headers={"traceparent": sent})
    (request,) = traced.told(WEBHOOK)
    assert place(request)[0] == int(CALLER, 16)


@pytest.mark.parametrize("sent", ["", "00", "00-xyz-abc-01", f"00-{'0' * 32}-{'0' * 16}-01", "ü"])
def test_trace__the_caller_sends_nonsense__is_a_new_one(traced: Traced, sent: str) -> None:
    answer = traced.call("GET", "/v1/cohorts", headers={"traceparent": sent})
    assert answer.status_code == 200
    (request,) = traced.told("GET /v1/cohorts")
    assert request.parent is None


def test_probes__when_somebody_traces__are_not_told(traced: Traced) -> None:
    assert traced.http.get("/healthz").status_code == 200
    assert traced.memory.get_finished_spans() == ()


def test_refused_request__its_span__has_the_status_and_is_no_error(traced: Traced) -> None:
    traced.http.post("/webhooks/mixpanel/default", data=b"{")
    (request,) = traced.told(WEBHOOK)
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 400
    assert request.attributes["http.route"] == "/webhooks/mixpanel/<source>"
    assert request.status.status_code is StatusCode.UNSET


def test_failing_request__its_spans__say_so_without_anybodys_data(traced: Traced) -> None:
    with traced.pool.begin() as conn:
        conn.execute(_BREAK)
    try:
        members = [{"mixpanel_distinct_id": CANARY}]
        parameters = {"mixpanel_project_id": "1", "mixpanel_cohort_id": CANARY, "members": members}
        body = json.dumps({"action": "add_members", "parameters": parameters})
        with structlog.testing.capture_logs():
            answer = traced.http.post("/webhooks/mixpanel/default", data=body)
    finally:
        with traced.pool.begin() as conn:
            conn.execute(_MEND)
    assert answer.status_code == 500
    (request,), (delivery,) = traced.told(WEBHOOK), traced.told("accept page")
    assert (request.status.status_code, request.status.description) == (StatusCode.ERROR, "500")
    assert (delivery.status.status_code, delivery.status.description) == (
        StatusCode.ERROR,
        "InternalError",
    )
    assert CANARY not in request.to_json() + delivery.to_json()


def test_poisoned_page__each_attempt__is_told_as_an_error_in_its_trace(traced: Traced) -> None:
    traced.post("add_members", ["a"])
    with traced.pool.begin() as conn:
        conn.execute(_POISON)
    traced.apply()
    (delivery,), attempts = traced.told("accept page"), traced.told("apply pages")
    assert [one.status.description for one in attempts] == ["poison"] * MAX_ATTEMPTS
    assert [linked(one) for one in attempts] == [[place(delivery)]] * MAX_ATTEMPTS


def test_links__of_more_pages_than_a_span_takes__are_cut(traced: Traced) -> None:
    cohort_id = int(traced.fill(["a"]))
    with traced.pool.begin() as conn:
        conn.execute(_MANY, {"cohort_id": cohort_id})
        found = traces.of_deliveries(conn, cohort_id, first=2, last=1000)
    assert found == [f"{number}" for number in range(2, 2 + traces.MAX_PARENTS)]


def test_inbox__when_nobody_traces__keeps_no_trace(world: World) -> None:
    world.fill(["a"])
    with world.pool.read() as conn:
        assert conn.execute(_KEPT).scalars().all() == [None]


_KEPT = text("SELECT traceparent FROM deliveries ORDER BY number")

_BREAK = text("ALTER TABLE syncs RENAME TO hidden")

_MEND = text("ALTER TABLE hidden RENAME TO syncs")

_POISON = text("UPDATE deliveries SET roster = 'no roster'")

_MANY = text("""
    INSERT INTO deliveries (cohort_id, number, session, action, page, total_pages, digest, members,
                            roster, received_at, traceparent)
    SELECT :cohort_id, number, 1, 'add_members', number, 1, 'digest', 1, '', '2026-01-01T00:00Z',
           CAST(number AS text)
    FROM generate_series(2, 200) AS number
""")
