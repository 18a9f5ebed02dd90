"""What monitors ask: /healthz, /readyz and /metrics, whatever Postgres and Redis do."""

from __future__ import annotations

import contextlib
import math
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

import gateway
from gateway import metrics
from gateway.core import deadline
from gateway.handlers.http import deps
from gateway.handlers.mixpanel import responses
from gateway.series import SERIES, Kind
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats
from tests.http import scrape
from tests.http.scrape import Scrape
from tests.http.world import START, Clock, World, make_app

# https://prometheus.io/docs/practices/naming/ and what `promtool check metrics` complains about.
BASE_UNITS = re.compile(r"_(seconds|bytes|ratio|total|info)\b")
OTHER_UNITS = re.compile(r"_(milliseconds|ms|minutes|hours|kb|mb|percent)(_|$)")


def look(client: FlaskClient) -> Scrape:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return scrape.parse(answer.text)


@contextlib.contextmanager
def server_that_never_answers() -> Iterator[str]:
    """Listen and say nothing: what a frozen Postgres looks like to a new connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql+psycopg2://u:p@127.0.0.1:{server.getsockname()[1]}/d"


def test_healthz__with_everything_down__is_alive() -> None:
    with server_that_never_answers() as url:
        answer = make_app(url, Clock()).test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_readyz__without_redis__is_degraded(world: World) -> None:
    answer = world.http.get("/readyz")
    processes = dict.fromkeys(("worker", "scheduler", "loader", "sender"), "silent")
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"status": "degraded", "redis": "down", "processes": processes},
    )


def test_monitors__of_workers_that_beat_and_cannot_work__are_told(world: World) -> None:
    working = ("scheduler", "loader", "sender")
    with world.pool.begin() as conn:
        for name, kind in (("w1", "worker"), ("w2", "worker"), *((one, one) for one in working)):
            heartbeats.join(conn, name, kind)
        heartbeats.beat(conn, "w2", {}, heartbeats.Condition(trouble="its Redis is away"))
    processes = {"worker": "hindered", **dict.fromkeys(working, "working")}
    assert world.http.get("/readyz").get_json()["processes"] == processes
    page = look(world.http)
    assert page.value("gateway_workers_alive", kind="worker") == 2
    assert page.value("gateway_workers_working", kind="worker") == 1
    for kind in working:
        assert page.value("gateway_workers_working", kind=kind) == 1


def test_readyz__migrations_pending__is_unready(empty_url: str) -> None:
    answer = make_app(empty_url, Clock()).test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    assert "migrations are pending" in answer.get_json()["detail"]
    assert answer.headers["Retry-After"]


def test_readyz__and_the_webhook__without_any_source__are_unready(
    pool: Pool, database_url: str
) -> None:
    del pool  # it is empty
    client = make_app(database_url, Clock()).test_client()
    ready, page = client.get("/readyz"), client.post("/webhooks/mixpanel/default", data=b"{}")
    assert (ready.status_code, page.status_code) == (503, 503)
    assert "no source has been set up" in ready.get_json()["detail"]
    assert "no source has been set up" in page.get_json()["error"]["message"]
    assert ready.headers["Retry-After"]
    assert page.headers["Retry-After"]


def test_readyz__postgres_frozen__is_unready_within_three_seconds() -> None:
    with server_that_never_answers() as url, ThreadPoolExecutor(3) as crew:
        application = make_app(url, Clock())
        began = time.monotonic()
        # The third finds both threads still waiting for the first two.
        asked = [crew.submit(application.test_client().get, "/readyz") for _ in range(3)]
        answers = [one.result() for one in asked]
        assert time.monotonic() - began < 3
    kinds = {(answer.status_code, answer.content_type) for answer in answers}
    assert kinds == {(503, "application/problem+json")}


def test_metrics__declared_series__are_named_as_prometheus_asks() -> None:
    for series in SERIES:
        assert re.fullmatch(r"gateway(_[a-z]+)+", series.name)
        assert re.fullmatch(r"[A-Z].*[.\w]", series.help)
        assert (series.kind is Kind.COUNTER) == series.name.endswith("_total")
        assert not OTHER_UNITS.search(series.name)
        assert not re.search(r"_(counter|gauge|histogram|count|sum|bucket)\b", series.name)
        assert series.kind is not Kind.HISTOGRAM or series.name.endswith("_seconds")
        assert series.kind is Kind.GAUGE or BASE_UNITS.search(series.name)
    assert len({series.name for series in SERIES}) == len(SERIES)


def test_metrics__page__says_of_every_series_what_was_declared(world: World) -> None:
    page = look(world.http)
    assert page.kinds == {series.name: series.kind for series in SERIES}
    assert page.helps == {series.name: series.help for series in SERIES}


def test_metrics__page__has_no_sample_that_was_not_declared(world: World) -> None:
    world.fill(["a", {"no": "id"}])
    declared: dict[str, set[str]] = {}
    for series in SERIES:
        parts = ("_bucket", "_count", "_sum") if series.kind is Kind.HISTOGRAM else ("",)
        declared |= {f"{series.name}{part}": set(series.labels) for part in parts}
    for name, labels in look(world.http).label_names().items():
        assert labels == declared[name], name


def test_metrics__undeclared_series__is_refused() -> None:
    with pytest.raises(KeyError):
        metrics.page({"gateway_surprise": [((), 1)]})


def test_metrics__rejections_shown_from_the_start__are_those_of_the_contract() -> None:
    assert set(metrics.REJECTIONS) == responses.DOCUMENTED - {200}


def test_metrics__build__is_named(world: World) -> None:
    labels = look(world.http).label_names()["gateway_build_info"]
    assert labels == {"version", "python"}
    assert look(world.http).total("gateway_build_info", version=gateway.__version__) == 1


def test_metrics__pages_just_accepted__are_there_at_once(world: World) -> None:
    world.add_source("other")
    world.post("members", ["a", "b", {"no": "id"}, 7], page=(1, 2))
    world.post("members", ["a", "b", {"no": "id"}, 7], page=(1, 2))
    world.post("add_members", ["c"], cohort="2", source="other")
    page = look(world.http)
    assert page.value("gateway_accepted_pages_total", source="default") == 1
    assert page.value("gateway_accepted_members_total", source="default") == 4
    assert page.value("gateway_duplicate_pages_total", source="default") == 1
    assert page.value("gateway_accepted_pages_total", source="other") == 1
    missing = page.value("gateway_skipped_members_total", source="default", reason="missing_id")
    assert missing == 1
    assert page.total("gateway_skipped_members_total", source="default") == 2
    assert page.total("gateway_skipped_members_total", source="other") == 0
    assert page.value("gateway_pending_pages") == 2
    synced = page.value("gateway_last_sync_timestamp_seconds", source="default")
    assert synced == world.clock().timestamp()


def test_metrics__waiting_pages__have_an_age_until_they_are_applied(world: World) -> None:
    world.post("add_members", ["a", "b"])
    world.clock.tick(seconds=90)
    assert look(world.http).value("gateway_oldest_pending_seconds") == 90
    world.apply()
    page = look(world.http)
    assert page.value("gateway_pending_pages") == 0
    assert page.value("gateway_oldest_pending_seconds") == 0
    assert page.value("gateway_entered_members_total", source="default") == 2


def test_metrics__cohort_deleted_or_source_removed__counters_never_fall(world: World) -> None:
    cohort_id = world.fill(["a", {"no": "id"}])
    assert world.call("DELETE", f"/v1/cohorts/{cohort_id}").status_code == 204
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE sources SET removed_at = :now"), {"now": START})
    world.add_source("default")
    page = look(world.http)
    assert page.value("gateway_accepted_pages_total", source="default") == 1
    assert page.value("gateway_entered_members_total", source="default") == 1
    assert page.value("gateway_exited_members_total", source="default") == 1
    assert page.total("gateway_skipped_members_total", source="default") == 1
    assert page.value("gateway_last_sync_timestamp_seconds", source="default") is None
    assert page.value("gateway_stale_cohorts", source="default") == 0


def test_metrics__cohort_not_heard_of_for_three_intervals__is_stale(world: World) -> None:
    world.post("add_members", ["a"])
    world.clock.tick(minutes=89)
    assert look(world.http).value("gateway_stale_cohorts", source="default") == 0
    world.clock.tick(minutes=2)
    assert look(world.http).value("gateway_stale_cohorts", source="default") == 1


def test_metrics__of_a_source__tell_until_when_it_is_fresh(world: World) -> None:
    def until() -> float | None:
        return look(world.http).value("gateway_fresh_until_timestamp_seconds", source="default")

    assert until() is None
    world.post("add_members", ["a"])
    assert until() == world.clock().timestamp() + 90 * 60


def test_metrics__of_a_source_that_is_never_expected__never_call_it_silent(world: World) -> None:
    world.post("add_members", ["a"])
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE sources SET expected_every_seconds = NULL"))
    world.clock.tick(days=1000)
    page = look(world.http)
    assert page.value("gateway_fresh_until_timestamp_seconds", source="default") is None
    assert page.value("gateway_stale_cohorts", source="default") == 0


@given(every=st.integers(1, 10**6), late=st.sampled_from([-1, 0, 1]))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_metrics__of_stale_cohorts__count_as_each_cohort_says(
    world: World, every: int, late: int
) -> None:
    world.post("add_members", ["a"], session=None)
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE sources SET expected_every_seconds = :every"), {"every": every})
    world.clock.tick(seconds=3 * every + late)
    (cohort,) = world.get("/v1/cohorts")["cohorts"]
    counted = look(world.http).value("gateway_stale_cohorts", source="default")
    assert cohort["stale"] == (late > 0) == bool(counted)


def test_metrics__requests__are_counted_by_template_and_status_only(world: World) -> None:
    before = look(world.http)
    assert world.http.post("/webhooks/mixpanel/default", data="{").status_code == 400
    assert world.http.get("/v1/members/canary%40example.com/cohorts").status_code == 401
    assert world.http.get("/canary").status_code == 404
    after = look(world.http)
    assert (
        _rose(before, after, "gateway_rejected_requests_total", source="default", status="400") == 1
    )
    count = "gateway_request_duration_seconds_count"
    assert _rose(before, after, count, route="none", status="404") == 1
    template = "/v1/members/<raw:member_id>/cohorts"
    assert _rose(before, after, count, route=template, status="401") == 1
    assert "canary" not in str(after.values)


def test_metrics__only_acknowledged_pages__count_as_accepting_time(world: World) -> None:
    before = look(world.http)
    assert world.http.post("/webhooks/mixpanel/default", data="{}").status_code == 400
    world.post("add_members", ["a"])
    after = look(world.http)
    assert _rose(before, after, "gateway_accept_duration_seconds_count") == 1
    assert _rose(before, after, "gateway_accept_duration_seconds_sum") > 0


def _rose(before: Scrape, after: Scrape, name: str, **labels: str) -> float:
    return after.total(name, **labels) - before.total(name, **labels)


def test_metrics__every_other_connection_taken__answers(world: World) -> None:
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    with contextlib.ExitStack() as taken:
        for pool in (given.reading, given.accepting):
            for _ in range(given.settings.web_threads):
                taken.enter_context(pool.read())
        assert look(world.http).value("gateway_postgres_up") == 1


def test_metrics__migrations_pending__says_what_it_knows(empty_url: str) -> None:
    page = look(make_app(empty_url, Clock()).test_client())
    assert page.value("gateway_postgres_up") == 1
    assert page.value("gateway_redis_up") == 0
    assert "gateway_accepted_pages_total" not in page.names()


def test_metrics__postgres_refuses__says_so() -> None:
    page = look(make_app("postgresql://u:p@127.0.0.1:1/d", Clock()).test_client())
    assert page.value("gateway_postgres_up") == 0
    assert page.total("gateway_build_info") == 1
    assert page.value("gateway_rejected_requests_total", source="unknown", status="400") == 0
    assert "gateway_pending_pages" not in page.names()


def test_metrics__postgres_frozen__says_so_without_waiting_for_it() -> None:
    with server_that_never_answers() as url:
        client = make_app(url, Clock()).test_client()
        for _ in range(3):  # the third finds both threads still waiting for the first two
            began = time.monotonic()
            assert look(client).value("gateway_postgres_up") == 0
            # It takes 1.5 s; without a limit of its own it would be the connection's 10 s and more.
            assert time.monotonic() - began < 5


def test_requests__with_a_sane_id__keep_it(world: World) -> None:
    sent = "0f4a9c1e-7d7b-4c6a-9d5e-1b2c3d4e5f60"
    answer = world.http.get("/healthz", headers={"X-Request-Id": sent})
    assert answer.headers["X-Request-Id"] == sent


@pytest.mark.parametrize(
    "sent", ["", "short", "ada@example.com", "a" * 65, "two words", "ünïcödé-id"]
)
def test_requests__with_no_sane_id__are_given_one(world: World, sent: str) -> None:
    headers = {"X-Request-Id": sent.encode().decode("latin-1")} if sent else {}
    answer = world.http.get("/healthz", headers=headers)
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-Id"])


def test_webhook__body_that_came_too_slowly__is_told_so_and_not_of_the_database(
    world: World,
) -> None:
    late = {"gateway.body": "cut", "gateway.received_at_monotonic": time.monotonic() - 60}
    answer = world.http.post("/webhooks/mixpanel/default", data="{", environ_overrides=late)
    assert answer.status_code == 503
    assert math.isinf(deadline.remaining_seconds())  # what this thread does next has its time
    assert "the body did not come to its end" in answer.get_data(as_text=True)
