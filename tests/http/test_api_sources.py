"""Sources as the API lists, shows and changes them."""

from __future__ import annotations

import datetime
from typing import Any

import jsonschema_rs
import pytest
from sqlalchemy import text

from gateway.core.access.scopes import Scope
from gateway.flows.sources import admin
from gateway.handlers.http import forms
from tests.http.world import PROJECT, START, World


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def change(world: World, body: object, slug: str = "default") -> Any:  # noqa: ANN401 - JSON
    answer = world.call("PATCH", f"/v1/sources/{slug}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def faults(world: World, body: object) -> dict[str, str]:
    answer = world.call("PATCH", "/v1/sources/default", json=body)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "invalid"), answer.text
    assert answer.content_type == "application/problem+json"
    assert problem["errors"][0]["path"] in problem["detail"]
    return {one["path"]: one["message"] for one in problem["errors"]}


def test_source__just_made__is_shown_without_anything_secret(world: World) -> None:
    found = world.get("/v1/sources/default")
    assert moment(found.pop("created_at")) == START
    assert found == {
        "slug": "default",
        "kind": "mixpanel",
        "name": "default",
        "paused": False,
        "config": {"identity_property": None, "project_ids": [], "import": None},
        "secrets": {"import_secret": None},
        "notify": None,
        "cohort_count": 0,
        "forwarding": None,
        "last_ok_at": None,
        "last_error": None,
    }


def test_source__of_which_pages_came__says_when_and_counts_its_cohorts(world: World) -> None:
    world.clock.tick(seconds=1)
    world.fill(["a"])
    world.post("add_members", [], cohort="2")
    found = world.get("/v1/sources/default")
    assert (found["cohort_count"], moment(found["last_ok_at"])) == (2, world.clock())


def test_sources__listed_in_parts__are_all_there_by_slug(world: World) -> None:
    for slug in ("shop", "app", "web"):
        world.add_source(slug)
    parts = list(world.pages("/v1/sources", limit=3))
    assert [[one["slug"] for one in part] for part in parts] == [
        ["app", "default", "shop"],
        ["web"],
    ]
    assert len(world.get("/v1/sources", kind="mixpanel")["sources"]) == 4
    assert world.get("/v1/sources", kind="people") == {"sources": [], "next_cursor": None}


def test_source__unknown_or_removed__is_not_found(world: World) -> None:
    world.add_source("shop")
    admin.remove(world.pool, "shop", now=START)
    for slug in ("shop", "nowhere", "%00", "%F0%9F%98%80"):
        for method, body in (("GET", None), ("PATCH", {"name": "Shop"})):
            answer = world.call(method, f"/v1/sources/{slug}", json=body)
            assert answer.status_code in {404, 400 if slug == "%00" else 404}, answer.text
    assert [one["slug"] for one in world.get("/v1/sources")["sources"]] == ["default"]


def test_change__of_parts__leaves_the_others(world: World) -> None:
    config = {"identity_property": "email", "project_ids": [PROJECT, 7]}
    changed = change(world, {"name": "Shop", "config": config})
    assert (changed["name"], changed["config"]) == (
        "Shop",
        {"identity_property": "email", "project_ids": [PROJECT, "7"], "import": None},
    )
    assert change(world, {"config": {"project_ids": []}})["config"] == {
        "identity_property": "email",
        "project_ids": [],
        "import": None,
    }
    assert change(world, {"config": {"identity_property": None}})["name"] == "Shop"
    assert change(world, {}) == world.get("/v1/sources/default")


def test_change__of_paused__is_answered_503_until_it_is_resumed(world: World) -> None:
    for _ in range(2):
        assert change(world, {"paused": True})["paused"] is True
    assert world.http.post("/webhooks/mixpanel/default", data=b"{}").status_code == 503
    for _ in range(2):
        assert change(world, {"paused": False})["paused"] is False
    world.post("add_members", ["a"])


def test_change__of_identity__keeps_history_and_takes_hold_at_the_next_full_sync(
    world: World,
) -> None:
    cohort_id = world.fill(["a"], session="s1")
    change(world, {"config": {"identity_property": "email"}})
    assert world.members(cohort_id) == ["a"]
    person = {"mixpanel_distinct_id": "a", "email": "a@example.org"}
    world.post("members", [person], session="s2")
    world.apply()
    assert world.members(cohort_id) == ["a@example.org"]
    changes = [(change, who) for _, change, who in world.changes(cohort_id)]
    assert changes[0] == ("entered", "a")
    assert set(changes[1:]) == {("entered", "a@example.org"), ("exited", "a")}


def test_change__of_projects__is_what_pages_are_let_in_by(world: World) -> None:
    change(world, {"config": {"project_ids": ["another"]}})
    body = {
        "action": "add_members",
        "parameters": {"mixpanel_project_id": PROJECT, "mixpanel_cohort_id": "1", "members": []},
    }
    assert world.http.post("/webhooks/mixpanel/default", json=body).status_code == 403
    change(world, {"config": {"project_ids": ["another", PROJECT]}})
    assert world.http.post("/webhooks/mixpanel/default", json=body).status_code == 200


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"slug": "x"}, {"slug"}),
        ({"secrets": {"password": "x"}}, {"secrets.password"}),
        ({"secrets": [], "config": {}}, {"secrets"}),
        ({"config": {"host": "x", "project_ids": ["1"]}}, {"config.host"}),
        ({"name": None, "paused": "yes", "config": []}, {"name", "paused", "config"}),
        ({"name": 7, "paused": 1, "config": None}, {"name", "paused", "config"}),
        ({"name": " "}, {"name"}),
        ({"name": "x" * 256}, {"name"}),
        ({"config": {"identity_property": ""}}, {"config.identity_property"}),
        ({"config": {"identity_property": "a\x00"}}, {"config.identity_property"}),
        ({"config": {"project_ids": None}}, {"config.project_ids"}),
        ({"config": {"project_ids": "1"}}, {"config.project_ids"}),
        ({"config": {"project_ids": ["1"] * 1001}}, {"config.project_ids"}),
        (
            {"config": {"project_ids": ["1", " ", True, 1.5]}},
            {f"config.project_ids.{place}" for place in (1, 2, 3)},
        ),
    ],
    ids=lambda one: str(sorted(one) if isinstance(one, set) else one)[:40],
)
def test_change__to_what_cannot_be__names_every_fault_and_changes_nothing(
    world: World, body: object, paths: set[str]
) -> None:
    before = world.get("/v1/sources/default")
    found = faults(world, body)
    assert found.keys() == paths
    assert all(found.values())
    assert world.get("/v1/sources/default") == before


def test_change__with_countless_faults__tells_the_first_of_them(world: World) -> None:
    assert len(faults(world, {f"field-{n}": 1 for n in range(1000)})) == forms.MAX_FAULTS


@pytest.mark.parametrize("sent", [b"{", b"[]", b"null", b'"x"', b""])
def test_change__that_is_no_object_in_json__is_malformed(world: World, sent: bytes) -> None:
    answer = world.call("PATCH", "/v1/sources/default", data=sent)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed"), answer.text


def make(world: World, **body: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call("POST", "/v1/sources", json={"kind": "mixpanel", **body})
    return answer.status_code, answer.get_json()


def test_kinds__as_listed__have_the_schemas_that_sources_are_checked_by(world: World) -> None:
    kind, *_ = world.get("/v1/source-kinds")["kinds"]
    assert (kind["kind"], kind["available"], kind["reason"]) == ("mixpanel", True, None)
    assert kind["title"]
    assert set(kind["secrets"]["properties"]) == {"import_secret"}
    valid = jsonschema_rs.validator_for(kind["config"]).is_valid
    for config, good in (
        ({"identity_property": "email", "project_ids": ["1", 2]}, True),
        ({"identity_property": None}, True),
        ({"identity_property": " "}, False),
        ({"project_ids": [""]}, False),
        ({"auth_required": False}, False),
    ):
        assert valid(config) == good
        status, told = make(world, slug=f"s{len(str(config))}", config=config)
        assert (status == 201) == good, told


def test_source__made__takes_pages_with_the_credentials_that_are_shown_once(world: World) -> None:
    status, made = make(world, slug="shop", name="The shop", config={"project_ids": [PROJECT]})
    credentials = made.pop("credentials")
    assert status == 201
    assert made == world.get("/v1/sources/shop")
    assert (made["kind"], made["name"]) == ("mixpanel", "The shop")
    assert made["config"]["project_ids"] == [PROJECT]
    assert credentials["url"].endswith("/webhooks/mixpanel/shop")
    login = (credentials["username"], credentials["password"])
    sent = {
        "action": "add_members",
        "parameters": {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": "1",
            "members": [{"mixpanel_distinct_id": "a"}],
        },
    }
    for auth, expected in ((login, 200), (("mixpanel", "wrong"), 401), (None, 401)):
        answer = world.http.post("/webhooks/mixpanel/shop", json=sent, auth=auth)
        assert answer.status_code == expected


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, {"slug"}),
        ({"slug": "Shop"}, {"slug"}),
        ({"slug": "shop", "kind": "fax"}, {"kind"}),
        ({"slug": "shop", "paused": True}, {"paused"}),
        ({"slug": "shop", "config": None, "secrets": 1}, {"config", "secrets"}),
        ({"slug": "?", "config": {"x": 1}}, {"slug", "config.x"}),
        ({"slug": "shop", "secrets": {"password": "x"}}, {"secrets.password"}),
    ],
)
def test_source__that_cannot_be_made__names_every_fault_and_is_not(
    world: World, body: dict[str, object], paths: set[str]
) -> None:
    status, told = make(world, **body)
    assert (status, told["code"]) == (422, "invalid")
    assert {one["path"] for one in told["errors"]} == paths
    assert [one["slug"] for one in world.get("/v1/sources")["sources"]] == ["default"]


def test_source__of_a_taken_slug__exists(world: World) -> None:
    status, told = make(world, slug="default")
    assert (status, told["code"]) == (409, "exists")


def test_source__with_cohorts__is_removed_only_with_them(world: World) -> None:
    make(world, slug="empty")
    assert world.call("DELETE", "/v1/sources/empty").status_code == 204
    cohort_id = world.fill(["a"])
    answer = world.call("DELETE", "/v1/sources/default")
    told = answer.get_json()
    assert (answer.status_code, told["code"], told["cohorts"]) == (409, "in_use", [cohort_id])
    assert world.members(cohort_id) == ["a"]
    wrong = world.call("DELETE", "/v1/sources/default", query_string={"with_cohorts": "yes"})
    assert wrong.status_code == 400
    for expected in (204, 404):
        query = {"with_cohorts": "true"}
        answer = world.call("DELETE", "/v1/sources/default", query_string=query)
        assert answer.status_code == expected
    assert world.call("GET", f"/v1/cohorts/{cohort_id}").status_code == 404
    assert world.changes(cohort_id)[-1] == (2, "exited", "a")
    assert make(world, slug="default")[0] == 201


def test_source__of_another_kind__takes_no_pages(world: World) -> None:
    world.add_source("other")
    with world.pool.begin() as conn:
        changed = """UPDATE sources SET kind = 'fax', config = '{"number": 7}'"""
        conn.execute(text(changed + " WHERE slug = 'default'"))
    assert world.http.post("/webhooks/mixpanel/default", data=b"{}").status_code == 404
    found = world.get("/v1/sources/default")
    assert (found["kind"], found["config"], found["secrets"]) == ("fax", {"number": 7}, {})
    assert world.get("/v1/sources", kind="fax")["sources"] == [found]
    kept = world.get("/v1/sources", kind="mixpanel")["sources"]
    assert [one["slug"] for one in kept] == ["other"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/sources"), ("DELETE", "/v1/sources/default")]
)
def test_source__made_or_removed_without_the_scope__is_forbidden(
    world: World, method: str, path: str
) -> None:
    answer = world.call(method, path, scope=Scope.WRITE, json={"slug": "x", "kind": "mixpanel"})
    assert answer.status_code == 403


def test_change__without_the_scope__is_forbidden(world: World) -> None:
    for scope in (Scope.READ, Scope.WRITE):
        answer = world.call("PATCH", "/v1/sources/default", scope=scope, json={"paused": True})
        assert answer.status_code == 403
    assert world.get("/v1/sources/default")["paused"] is False
