"""Sources of kind list as the API makes and keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.flows.sources import built_in
from tests.http.world import START, World


@pytest.fixture
def lists(world: World) -> World:
    """Lend a gateway with the sources that come with it."""
    built_in.make(world.pool, now=START)
    return world


def problem(world: World, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call(method, path, json=body)
    assert answer.content_type == "application/problem+json"
    return answer.get_json()


def test_lists__removed__are_built_in(lists: World) -> None:
    for query in ("", "?with_cohorts=true"):
        told = problem(lists, "DELETE", f"/v1/sources/lists{query}", None)
        assert (told["status"], told["code"]) == (409, "built_in")
    answer = lists.call("PATCH", "/v1/sources/lists", json={"paused": True, "name": "Lists"})
    assert answer.get_json()["paused"] is True


def test_lists__posted_to_or_made_again__are_refused(lists: World) -> None:
    assert lists.http.post("/webhooks/mixpanel/lists", data=b"{}").status_code == 404
    body = {"slug": "lists", "kind": "list"}
    assert problem(lists, "POST", "/v1/sources", body)["code"] == "exists"


def test_source__of_kind_list__is_made_without_credentials(lists: World) -> None:
    answer = lists.call("POST", "/v1/sources", json={"slug": "crm", "kind": "list", "name": "CRM"})
    made = answer.get_json()
    assert answer.status_code == 201
    assert (made["kind"], made["config"], made["secrets"]) == ("list", {}, {})
    assert "credentials" not in made
    body = {"slug": "x", "kind": "list", "config": {"a": 1}, "secrets": {"b": "c"}}
    told = problem(lists, "POST", "/v1/sources", body)
    assert {one["path"] for one in told["errors"]} == {"config.a", "secrets.b"}


def test_kinds__shown__have_lists_with_nothing_to_set(lists: World) -> None:
    kinds = {one["kind"]: one for one in lists.get("/v1/source-kinds")["kinds"]}
    assert kinds["list"]["available"] is True
    assert kinds["list"]["config"]["properties"] == kinds["list"]["secrets"]["properties"] == {}
