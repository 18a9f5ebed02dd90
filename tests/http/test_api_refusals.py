"""Refused pages, as the API, the metrics and the log tell of them."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from gateway.flows.sources import admin
from tests.http import scrape
from tests.http.world import PROJECT, START, World
from tests.stack import until

PINNED = admin.Changes(config={"project_ids": ["another"]})
FREE = admin.Changes(config={"project_ids": []})


def refuse(world: World, cohort: str = "1", slug: str = "default") -> int:
    parameters = {"mixpanel_project_id": PROJECT, "mixpanel_cohort_id": cohort, "members": []}
    body = json.dumps({"action": "add_members", "parameters": parameters})
    world.clock.tick(seconds=1)
    return world.http.post(f"/webhooks/mixpanel/{slug}", data=body).status_code


def test_refusals__of_a_cohort__are_shown_until_and_after_they_are_over(world: World) -> None:
    world.post("add_members", ["a"])
    admin.change(world.pool, "default", PINNED, now=START)
    assert refuse(world) == 403
    until(lambda: bool(world.get("/v1/refusals")["refusals"]))
    (found,) = world.get("/v1/refusals", source="default")["refusals"]
    assert found["message"].startswith("parameters.mixpanel_project_id")
    kept = {
        name: found[name] for name in ("source", "project_id", "external_id", "status", "count")
    }
    assert kept == {
        "source": "default",
        "project_id": PROJECT,
        "external_id": "1",
        "status": 403,
        "count": 1,
    }
    assert found["resolved_at"] is None
    assert found["first_at"] == found["last_at"]
    assert refused(world) == 1
    assert world.get("/v1/sources/default")["last_error"]["code"] == "forbidden"
    admin.change(world.pool, "default", FREE, now=START)
    assert refuse(world) == 200
    (found,) = world.get("/v1/refusals")["refusals"]
    assert found["resolved_at"] > found["last_at"]
    assert refused(world) == 0
    assert world.get("/v1/sources/default")["last_error"] is None


def refused(world: World, status: str = "403") -> float | None:
    page = scrape.parse(world.http.get("/metrics").text)
    return page.value("gateway_refused_cohorts", source="default", status=status)


def test_refusals__asked_for_in_parts_and_since__are_answered_so(world: World) -> None:
    admin.change(world.pool, "default", PINNED, now=START)
    for cohort in "123":
        refuse(world, cohort)
    until(lambda: len(world.get("/v1/refusals")["refusals"]) == 3)
    parts = [[one["external_id"] for one in part] for part in world.pages("/v1/refusals", limit=2)]
    assert sorted(one for part in parts for one in part) == ["1", "2", "3"]
    assert world.get("/v1/refusals", since="2999-01-01T00:00:00Z")["refusals"] == []
    assert world.get("/v1/refusals", since="2999-01-01T00:00:00-23:59")["refusals"] == []
    assert len(world.get("/v1/refusals", since="0001-01-02T00:00:00+23:59")["refusals"]) == 3
    assert len(world.get("/v1/refusals", since=START.isoformat())["refusals"]) == 3
    assert world.get("/v1/refusals", source="nowhere")["refusals"] == []


@pytest.mark.parametrize(
    "since",
    [
        "yesterday",
        "2026-01-01T00:00:00",
        "",
        "1",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-01-01T00:00:00+24:00",
    ],
)
def test_refusals__since_no_moment__are_malformed(world: World, since: str) -> None:
    answer = world.call("GET", "/v1/refusals", query_string={"since": since})
    assert answer.status_code == 400
    assert "since" in answer.get_json()["detail"]


def test_rejected_requests__are_counted_by_source_and_strangers_names_are_not(
    world: World,
) -> None:
    world.add_source("other")
    admin.change(world.pool, "other", PINNED, now=START)
    before = scrape.parse(world.http.get("/metrics").text)
    assert (refuse(world, slug="other"), refuse(world, slug="no-such-source")) == (403, 404)
    page = scrape.parse(world.http.get("/metrics").text)
    name = "gateway_rejected_requests_total"
    assert page.value(name, source="other", status="403") == 1
    unknown = {"source": "unknown", "status": "404"}
    assert page.total(name, **unknown) == before.total(name, **unknown) + 1
    assert "no-such-source" not in world.http.get("/metrics").text


def test_log__of_a_refusal__names_project_and_cohort_as_they_are_shown(world: World) -> None:
    admin.change(world.pool, "default", PINNED, now=START)
    with capture_logs() as logged:
        refuse(world, "cohort-7")
    (event,) = [one for one in logged if one["event"] == "page.refused"]
    assert (event["project_id"], event["external_id"]) == (PROJECT, "cohort-7")
    with capture_logs() as logged:
        world.http.post("/webhooks/mixpanel/default", data=b"{")
    (event,) = [one for one in logged if one["event"] == "page.refused"]
    assert (event["project_id"], event["external_id"]) == (None, None)


def test_body__larger_than_allowed__is_noted_for_its_source_alone(world: World) -> None:
    answer = world.http.post("/webhooks/mixpanel/default", data=bytes(16 * 1024 * 1024 + 1))
    assert answer.status_code == 400
    until(lambda: bool(world.get("/v1/refusals")["refusals"]))
    (found,) = world.get("/v1/refusals")["refusals"]
    assert (found["status"], found["external_id"]) == (400, None)
    assert "larger" in found["message"]
    assert refused(world, "400") == 0
