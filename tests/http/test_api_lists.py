"""Cohorts as calls make, change and find them."""

from __future__ import annotations

import datetime
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.core.access.scopes import Scope
from gateway.flows.sources import admin, built_in
from tests.http.world import START, World, make_app

GUARD = {"shrink_percent": 50, "from_members": 100}
BEYOND = 16 * 1024 * 1024 + 1


@pytest.fixture
def lists(world: World) -> World:
    """Lend a gateway with the sources that come with it."""
    built_in.make(world.pool, now=START)
    return world


def create(world: World, **parts: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call("POST", "/v1/cohorts", json={"source": "lists", "name": "VIPs"} | parts)
    assert answer.status_code == 201, answer.text
    made = answer.get_json()
    assert answer.headers["Location"] == f"/v1/cohorts/{made['id']}"
    assert world.get(answer.headers["Location"]) == made
    return made


def change(world: World, cohort_id: str, **parts: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call("PATCH", f"/v1/cohorts/{cohort_id}", json=parts)
    assert answer.status_code == 200, answer.text
    assert world.get(f"/v1/cohorts/{cohort_id}") == answer.get_json()
    return answer.get_json()


def problem(world: World, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call(method, path, json=body)
    assert answer.content_type == "application/problem+json"
    return answer.get_json()


def names(world: World, **query: object) -> list[str]:
    return [one["name"] for one in world.get("/v1/cohorts", **query)["cohorts"]]


def test_cohort__made__is_an_empty_list_that_is_never_stale(lists: World) -> None:
    made = create(lists)
    uuid.UUID(made.pop("external_id"))
    for moment in ("created_at", "updated_at"):
        assert datetime.datetime.fromisoformat(made.pop(moment)) == lists.clock()
    assert (made.pop("id"), made.pop("epoch")) is not None
    assert made == {
        "source": "lists",
        "kind": "list",
        "project_id": "",
        "name": "VIPs",
        "description": None,
        "member_count": 0,
        "last_synced_at": None,
        "fresh_until": None,
        "stale": False,
        "refresh": None,
        "last_seq": 0,
        "definition": None,
        "schedule": None,
        "guard": GUARD,
        "next_load_at": None,
        "last_load": None,
        "notify": None,
        "deleted_at": None,
    }


def test_cohort__made_with_everything__has_it(lists: World) -> None:
    given = {
        "external_id": " vip/😀",
        "description": "a\nb",
        "guard": {"shrink_percent": 12.5, "from_members": 0},
        "definition": None,
        "schedule": None,
    }
    made = create(lists, **given)
    assert {name: made[name] for name in given} == given
    assert create(lists, external_id="x" * 255, guard=None)["guard"] is None
    assert create(lists, guard={})["guard"] == GUARD
    assert create(lists, guard={"from_members": 7})["guard"] == GUARD | {"from_members": 7}


def test_cohort__of_mixpanel__has_no_guard(lists: World) -> None:
    found = lists.get(f"/v1/cohorts/{lists.fill(['a'])}")
    assert (found["guard"], found["kind"], found["last_load"]) == (None, "mixpanel", None)


def test_cohort__of_an_external_id_that_is_there__is_told_which_one_has_it(lists: World) -> None:
    made = create(lists, external_id="vip")
    body = {"source": "lists", "name": "Others", "external_id": "vip"}
    told = problem(lists, "POST", "/v1/cohorts", body)
    assert (told["status"], told["code"]) == (409, "exists")
    assert (told["id"], told["deleted"]) == (made["id"], False)
    lists.call("DELETE", f"/v1/cohorts/{made['id']}")
    told = problem(lists, "POST", "/v1/cohorts", body)
    assert (told["code"], told["id"], told["deleted"]) == ("exists", made["id"], True)
    admin.add(lists.pool, admin.Wanted(slug="others", kind="list"), now=START)
    assert create(lists, source="others", external_id="vip")["source"] == "others"


def test_cohort__made_by_many_at_once__is_made_once(lists: World) -> None:
    def ask(_: int) -> Any:  # noqa: ANN401 - JSON
        body = {"source": "lists", "name": "VIPs", "external_id": "vip"}
        return lists.app.test_client().post(
            "/v1/cohorts", json=body, headers={"Authorization": "Bearer key-admin"}
        )

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 7
    assert len({one.get_json()["id"] for one in answers}) == 1


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"source": "lists"}, {"name"}),
        ({"name": "x"}, {"source"}),
        ({"source": "nowhere", "name": "x"}, {"source"}),
        ({"source": 7, "name": None}, {"source", "name"}),
        ({"source": "lists", "name": " "}, {"name"}),
        ({"source": "lists", "name": "x" * 256}, {"name"}),
        ({"source": "lists", "name": "x", "external_id": ""}, {"external_id"}),
        ({"source": "lists", "name": "x", "external_id": 7}, {"external_id"}),
        ({"source": "lists", "name": "x", "external_id": "a\x00"}, {"external_id"}),
        ({"source": "lists", "name": "x", "external_id": "é" * 128}, {"external_id"}),
        ({"source": "lists", "name": "x", "description": 7}, {"description"}),
        ({"source": "lists", "name": "x", "description": "x" * 5001}, {"description"}),
        (
            {"source": "lists", "name": "x", "definition": {}, "schedule": {"every": "1h"}},
            {"definition", "schedule"},
        ),
        ({"source": "lists", "name": "x", "definition": "SELECT 1"}, {"definition"}),
        ({"source": "lists", "name": "x", "guard": 50}, {"guard"}),
        (
            {
                "source": "lists",
                "name": "x",
                "guard": {"shrink_percent": 101, "from_members": -1, "x": 1},
            },
            {"guard.shrink_percent", "guard.from_members", "guard.x"},
        ),
        (
            {
                "source": "lists",
                "name": "x",
                "guard": {"shrink_percent": True, "from_members": 1.5},
            },
            {"guard.shrink_percent", "guard.from_members"},
        ),
        (
            {
                "source": "lists",
                "name": "x",
                "guard": {"shrink_percent": "5", "from_members": None},
            },
            {"guard.shrink_percent", "guard.from_members"},
        ),
        ({"source": "lists", "name": "x", "notify": True}, {"notify"}),
    ],
)
def test_cohort__that_cannot_be_made__is_told_every_fault(
    lists: World, body: object, paths: set[str]
) -> None:
    told = problem(lists, "POST", "/v1/cohorts", body)
    assert (told["status"], told["code"]) == (422, "invalid")
    assert {one["path"] for one in told["errors"]} == paths
    assert names(lists) == []


@pytest.mark.parametrize("body", [[], "x", None, 7])
def test_body__that_is_no_object__is_malformed(lists: World, body: object) -> None:
    cohort_id = create(lists)["id"]
    for method, path in (("POST", "/v1/cohorts"), ("PATCH", f"/v1/cohorts/{cohort_id}")):
        assert problem(lists, method, path, body)["status"] == 400


def test_cohort__of_mixpanel__is_made_and_changed_by_its_pages_alone(lists: World) -> None:
    body = {"source": "default", "name": "x"}
    told = problem(lists, "POST", "/v1/cohorts", body)
    assert (told["status"], told["code"]) == (409, "made_by_its_source")
    cohort_id = lists.fill(["a"])
    changes: list[dict[str, Any]] = [{"name": "x"}, {"guard": None}, {"definition": {}}]
    for parts in changes:
        told = problem(lists, "PATCH", f"/v1/cohorts/{cohort_id}", parts)
        assert (told["status"], told["code"]) == (409, "made_by_its_source")
    assert change(lists, cohort_id)["name"] == "1"


def test_change__of_parts__leaves_the_others(lists: World) -> None:
    made = create(lists, description="d", external_id="vip")
    cohort_id = made["id"]
    assert change(lists, cohort_id) == made
    lists.clock.tick(seconds=1)
    changed = change(lists, cohort_id, name="Others")
    assert changed["updated_at"] > made["updated_at"]
    assert (changed["name"], changed["description"], changed["guard"]) == ("Others", "d", GUARD)
    assert change(lists, cohort_id, description=None)["description"] is None
    assert change(lists, cohort_id, guard=None)["guard"] is None
    guard = {"shrink_percent": 1, "from_members": 2}
    assert change(lists, cohort_id, guard=guard, schedule=None)["guard"] == guard
    assert change(lists, cohort_id)["name"] == "Others"


@pytest.mark.parametrize(
    "parts",
    [
        {"source": "lists"},
        {"external_id": "x"},
        {"name": None},
        {"definition": {"query": "SELECT 1"}},
        {"schedule": {"every": "1h"}},
        {"guard": {"shrink_percent": -1}},
    ],
)
def test_change__that_cannot_be__changes_nothing(lists: World, parts: dict[str, Any]) -> None:
    made = create(lists)
    told = problem(lists, "PATCH", f"/v1/cohorts/{made['id']}", {"description": "d"} | parts)
    assert (told["status"], told["code"]) == (422, "invalid")
    assert lists.get(f"/v1/cohorts/{made['id']}") == made


def test_change__of_what_is_not_there__is_not_found(lists: World) -> None:
    cohort_id = create(lists)["id"]
    lists.call("DELETE", f"/v1/cohorts/{cohort_id}")
    for one in (cohort_id, "999999", "x"):
        assert problem(lists, "PATCH", f"/v1/cohorts/{one}", {"name": "x"})["status"] == 404


def test_cohort__beyond_the_most_of_its_source__is_refused_for_now(lists: World) -> None:
    url = lists.pool.engine.url.render_as_string(hide_password=False)
    small = make_app(url, lists.clock, GATEWAY_MAX_COHORTS="1").test_client()
    first, second = (
        small.post(
            "/v1/cohorts",
            json={"source": "lists", "name": "x"},
            headers={"Authorization": "Bearer key-admin"},
        )
        for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 429)
    assert int(second.headers["Retry-After"]) > 0


def test_list__deleted_and_restored__is_empty_and_keeps_its_settings(lists: World) -> None:
    made = create(lists, external_id="vip", description="d")
    path = f"/v1/cohorts/{made['id']}"
    assert lists.call("DELETE", path).status_code == 204
    assert lists.call("GET", path).status_code == 404
    assert names(lists) == []
    (found,) = lists.get("/v1/cohorts", deleted="true")["cohorts"]
    assert (found["id"], found["member_count"]) == (made["id"], 0)
    assert datetime.datetime.fromisoformat(found["deleted_at"]) == lists.clock()
    assert lists.call("POST", f"{path}/restore").status_code == 204
    again = lists.get(path)
    assert (again["description"], again["guard"], again["member_count"]) == ("d", GUARD, 0)
    assert names(lists, deleted="true") == []
    assert names(lists, deleted="false") == ["VIPs"]


def test_cohorts__searched__are_those_with_a_part_of_the_name(lists: World) -> None:
    lists.fill(["a"], mixpanel_cohort_name="Trial ÄB")
    for name in ("VIPs", "trials of %", "A_b"):
        create(lists, name=name)
    assert names(lists, search="TRIAL") == ["Trial ÄB", "trials of %"]
    assert names(lists, search="trial", kind="list") == ["trials of %"]
    assert names(lists, search="%") == ["trials of %"]
    assert names(lists, search="_") == ["A_b"]
    assert names(lists, search="äb") == []
    assert names(lists, search="ÄB") == ["Trial ÄB"]
    assert names(lists, kind="list") == ["VIPs", "trials of %", "A_b"]
    assert names(lists, kind="fax") == names(lists, search="nothing") == []
    assert len(names(lists, search="")) == 4


def test_cohorts__searched_in_parts__go_on_with_the_same_filters(lists: World) -> None:
    for number in range(4):
        create(lists, name=f"a{number}")
    part = lists.get("/v1/cohorts", search="A", limit=3)
    cursor = part["next_cursor"]
    assert names(lists, search="A", limit=3, cursor=cursor) == ["a3"]
    others: list[dict[str, str]] = [{}, {"search": "a"}, {"search": "A", "deleted": "true"}]
    for other in others:
        answer = lists.call("GET", "/v1/cohorts", query_string={**other, "cursor": cursor})
        assert answer.status_code == 400


@pytest.mark.parametrize("query", ["deleted=yes", "deleted=", "find=x", "q=x", "search=%00"])
def test_cohorts__asked_with_what_is_no_parameter__are_a_400(lists: World, query: str) -> None:
    answer = lists.call("GET", f"/v1/cohorts?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.get_json()["detail"]


def test_deleted_cohorts__of_a_removed_source__are_not_listed(lists: World) -> None:
    admin.add(lists.pool, admin.Wanted(slug="others", kind="list"), now=START)
    create(lists, source="others")
    path = "/v1/sources/others"
    assert problem(lists, "DELETE", path, None)["code"] == "in_use"
    assert lists.call("DELETE", f"{path}?with_cohorts=true").status_code == 204
    assert names(lists, deleted="true") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/cohorts"), ("PATCH", "/v1/cohorts/1"), ("POST", "/v1/membership/check")],
)
def test_body__over_the_limit__is_too_large(lists: World, method: str, path: str) -> None:
    answer = lists.call(method, path, data=b" " * BEYOND)
    told = answer.get_json()
    assert (answer.status_code, told["status"], told["code"]) == (413, 413, "too_large")


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
def test_cohort__made_or_changed_without_the_scope__is_forbidden(
    lists: World, scope: Scope
) -> None:
    path = f"/v1/cohorts/{create(lists)['id']}"
    for method, where in (("POST", "/v1/cohorts"), ("PATCH", path)):
        assert lists.call(method, where, scope=scope, json={}).status_code == 403


def test_audit__of_cohorts__names_what_was_done(lists: World) -> None:
    cohort_id = create(lists)["id"]
    change(lists, cohort_id)
    change(lists, cohort_id, name="x", guard=None)
    entries = lists.get("/v1/activity")["activity"]
    done = [(one["action"], one["thing"]) for one in entries if one["thing"] == cohort_id]
    assert done == [("cohort.changed", cohort_id), ("cohort.created", cohort_id)]
