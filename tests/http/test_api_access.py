"""Who may call what, and how refusals look."""

from __future__ import annotations

import dataclasses
import re
import time
import urllib.parse

import pytest

from gateway.app import OPERATIONS
from gateway.core.access.scopes import Scope
from gateway.flows.access.key_ring import KeyRing
from gateway.handlers.http import deps
from gateway.handlers.http.operations import Operation
from gateway.store.access import api_keys
from gateway.store.db.engine import Pool
from tests.http.world import KEYS, START, World, make_app

_NUMBERED = re.compile(r"<number:\w+>")
_NAMED = re.compile(r"<\w+:(\w+)>")
CALLS = [
    (operation.method, _NAMED.sub(r"\1", _NUMBERED.sub("1", operation.rule)), operation.scope)
    for operation in OPERATIONS
]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_call__with_each_scope__passes_only_with_enough(
    world: World, method: str, path: str, scope: Scope
) -> None:
    enough = {
        Scope.READ: {Scope.READ, Scope.WRITE, Scope.ADMIN},
        Scope.WRITE: {Scope.WRITE, Scope.ADMIN},
        Scope.INGEST: {Scope.INGEST, Scope.ADMIN},
        Scope.ADMIN: {Scope.ADMIN},
    }
    for held in Scope:
        answer = world.call(method, path, scope=held)
        if held in enough[scope]:
            assert answer.status_code not in (401, 403)
        else:
            assert answer.status_code == 403
            assert answer.get_json()["code"] == "forbidden"


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic a2V5", f"Token {KEYS[Scope.ADMIN]}"],
)
def test_call__without_a_valid_key__is_401(
    world: World, method: str, path: str, scope: Scope, header: str | None
) -> None:
    del scope
    headers = {} if header is None else {"Authorization": header}
    answer = world.http.open(path, method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": answer.get_json()["detail"],
        "code": "unauthenticated",
    }


def test_answer__of_any_kind__may_not_be_kept_on_the_way(world: World) -> None:
    cohort_id = world.fill(["a"])
    for path in ("/v1/cohorts", f"/v1/cohorts/{cohort_id}/members/a", "/v1/cohorts/999"):
        assert world.call("GET", path).headers["Cache-Control"] == "no-store"


def test_key__scheme_in_another_case__is_the_same(world: World) -> None:
    headers = {"Authorization": f"bearer  {KEYS[Scope.READ]} "}
    assert world.http.get("/v1/cohorts", headers=headers).status_code == 200


def test_key__revoked__is_refused_within_two_seconds(world: World) -> None:
    assert world.call("GET", "/v1/cohorts", scope=Scope.READ).status_code == 200
    with world.pool.begin() as conn:
        (kept,) = [one for one in api_keys.listing(conn) if one.name == Scope.READ]
        assert api_keys.revoke(conn, kept.id, now=START)
    end = time.monotonic() + 2
    while world.call("GET", "/v1/cohorts", scope=Scope.READ).status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert world.call("GET", "/v1/cohorts", scope=Scope.READ).status_code == 401


def test_call__database_away__is_503_and_never_401(world: World) -> None:
    made = make_app("postgresql://nobody@127.0.0.1:1/none", world.clock)
    answer = made.test_client().get(
        "/v1/cohorts", headers={"Authorization": f"Bearer {KEYS[Scope.READ]}"}
    )
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.get_json()["code"] == "unavailable"


def test_call__every_connection_busy__is_503(world: World, database_url: str) -> None:
    made = make_app(database_url, world.clock)
    pool = Pool(database_url, name="test", size=1, limit_seconds=5)
    given: deps.Deps = made.extensions[deps.EXTENSION]
    made.extensions[deps.EXTENSION] = dataclasses.replace(given, keys=KeyRing(pool))
    with pool.read():
        answer = made.test_client().get(
            "/v1/cohorts", headers={"Authorization": f"Bearer {KEYS[Scope.READ]}"}
        )
    pool.close()
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_call__a_bug__is_500_without_a_word_of_it(world: World) -> None:
    made = make_app("postgresql://nobody@127.0.0.1:1/none", world.clock)
    made.extensions[deps.EXTENSION] = None
    answer = made.test_client().get(
        "/v1/cohorts", headers={"Authorization": f"Bearer {KEYS[Scope.READ]}"}
    )
    assert answer.status_code == 500
    assert answer.get_json()["code"] == "broken"
    assert "Traceback" not in answer.text
    assert "NoneType" not in answer.text


@pytest.mark.parametrize("path", ["/v1", "/v1/cohorts/", "/v1//cohorts", "/v1/nothing"])
def test_path__that_is_none__is_a_404_problem(world: World, path: str) -> None:
    answer = world.call("GET", path)
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v1/cohorts"), ("PUT", "/v1/cohorts/1"), ("GET", "/v1/membership/check")],
)
def test_method__that_is_none__is_405_with_allow(world: World, method: str, path: str) -> None:
    answer = world.call(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"]
    assert answer.get_json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/cohorts", "limit=0"),
        ("/v1/cohorts", "limit=1001"),
        ("/v1/cohorts", "limit=-1"),
        ("/v1/cohorts", "limit="),
        ("/v1/cohorts", "limit=ten"),
        ("/v1/cohorts", "limit=5.0"),
        ("/v1/cohorts", "limit=%205"),
        ("/v1/cohorts", "limit=" + "9" * 5000),
        ("/v1/cohorts", "cursor=nonsense"),
        ("/v1/cohorts", "cursor=%FF"),
        ("/v1/cohorts", "name=%FF"),
        ("/v1/cohorts", "source=%00"),
        ("/v1/cohorts", "external_id=a%00"),
        ("/v1/members/a/cohorts", "project_id=%00"),
        ("/v1/cohorts/1/members", "limit=0"),
        ("/v1/cohorts/1/members", "cursor=x"),
        ("/v1/cohorts/1/syncs", "cursor=x"),
        ("/v1/cohorts/1/changes", "limit=0"),
        ("/v1/deliveries", "state=done"),
        ("/v1/deliveries", "state="),
        ("/v1/deliveries", "cursor=x"),
    ],
)
def test_parameter__that_is_bad__is_400_and_named(world: World, path: str, query: str) -> None:
    world.fill(["a"])
    answer = world.call("GET", f"{path}?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["detail"].startswith(query.partition("=")[0] + ":")


def test_parameter__with_several_values__is_400_and_named(world: World) -> None:
    world.fill(["a"])
    for method, path, query in (
        ("GET", "/v1/cohorts", "limit=1&limit=2"),
        ("GET", "/v1/cohorts", "name=&name=a"),
        ("DELETE", "/v1/members/a", "source=other&source=default"),
        ("DELETE", "/v1/members/a", "source=default&project_id=1&project_id=2"),
    ):
        answer = world.call(method, f"{path}?{query}")
        assert answer.status_code == 400
        named = query.rpartition("&")[2].partition("=")[0]
        assert answer.get_json()["detail"] == f"{named}: has several values; send one"
    assert world.members(world.cohort_id()) == ["a"]


def test_parameter__that_is_repeated_or_empty__is_taken_once_or_not_at_all(world: World) -> None:
    world.fill(["a"])
    for query in ("limit=1&limit=1", "", "&&", "cursor=", "cursor=&limit=5"):
        assert world.call("GET", f"/v1/cohorts?{query}").status_code == 200
    for path in ("members", "syncs"):
        assert (
            world.call("GET", f"/v1/cohorts/{world.cohort_id()}/{path}?cursor=").status_code == 200
        )
    assert world.call("GET", "/v1/deliveries?cursor=").status_code == 200


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("query", ["limt=1", "%FF=%FF", "=", "Limit=1", "x" * 5000])
def test_parameter__that_is_unknown__is_400_and_named_by_every_call(
    world: World, operation: Operation, query: str
) -> None:
    path = re.sub(r"<\w+:\w+>", "1", operation.rule)
    answer = world.call(operation.method, f"{path}?{query}")
    assert answer.status_code == 400
    named = urllib.parse.unquote(query.partition("=")[0], errors="replace")
    detail = answer.get_json()["detail"]
    assert detail.startswith(f"{named[:100]}:")
    assert len(detail) < 500


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_source__in_the_query_of_any_call__is_no_unknown_parameter(
    world: World, operation: Operation
) -> None:
    path = re.sub(r"<\w+:\w+>", "1", operation.rule)
    answer = world.call(operation.method, f"{path}?source=default", data="{")
    assert "query parameter" not in answer.text


def test_cursor__of_another_list__is_400(world: World) -> None:
    for number in range(3):
        world.fill(["a", "b", "c"], cohort=str(number))
    first, second = world.cohort_id("0"), world.cohort_id("1")
    members = world.get(f"/v1/cohorts/{first}/members", limit=1)["next_cursor"]
    cohorts = world.get("/v1/cohorts", limit=1, source="default")["next_cursor"]
    misused = [
        (f"/v1/cohorts/{second}/members", members),
        (f"/v1/cohorts/{first}/syncs", members),
        ("/v1/cohorts", members),
        ("/v1/cohorts", cohorts),
        ("/v1/cohorts?source=other", cohorts),
        ("/v1/cohorts?source=default", cohorts[:-1]),
        ("/v1/cohorts?source=default", cohorts + "A"),
        ("/v1/cohorts?source=default", "é" + cohorts),
    ]
    for path, cursor in misused:
        joint = "&" if "?" in path else "?"
        answer = world.call("GET", f"{path}{joint}cursor={cursor}")
        assert answer.status_code == 400, (path, cursor)
        assert answer.get_json()["detail"].startswith("cursor:")
    assert world.get("/v1/cohorts", source="default", cursor=cohorts, limit=1)["cohorts"]
