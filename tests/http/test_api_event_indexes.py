"""The API of indexes: asked for, looked at and dropped by those that may."""

from __future__ import annotations

import pytest

from gateway.core.access.scopes import Scope
from tests.http.people import People
from tests.http.world import quoted

INDEX = "/v1/event-names/purchase/properties/brand/index"


def test_index__asked_for_and_dropped__is_told_of_meanwhile(people: People) -> None:
    world = people.world
    assert world.call("GET", INDEX).status_code == 404
    answer = world.call("POST", INDEX, scope=Scope.ADMIN)
    assert answer.status_code == 202, answer.text
    made = answer.get_json()
    assert (made["source"], made["event"], made["property"]) == ("people", "purchase", ["brand"])
    assert (made["state"], made["error"], made["ready_at"]) == ("building", None, None)
    assert world.call("POST", INDEX, scope=Scope.ADMIN).get_json() == made
    assert world.get(INDEX) == made
    assert world.get("/v1/event-indexes") == {"event_indexes": [made]}
    assert world.call("DELETE", INDEX, scope=Scope.ADMIN).status_code == 202
    assert world.call("DELETE", INDEX, scope=Scope.ADMIN).status_code == 404
    assert world.get("/v1/event-indexes") == {"event_indexes": []}
    log = world.call("GET", "/v1/activity", scope=Scope.ADMIN).get_json()["activity"]
    told = [(one["action"], one["thing"], one["details"]) for one in log]
    details = {"event": "purchase", "property": "brand"}
    assert ("event_index.requested", "people", details) in told
    assert ("event_index.dropped", "people", details) in told


def test_index__of_an_odd_name_and_a_path_of_keys__is_named_by_both(people: People) -> None:
    name, path = "a/b %41 é", "item.brand/x"
    url = f"/v1/event-names/{quoted(name)}/properties/{quoted(path)}/index"
    made = people.world.call("POST", url, scope=Scope.ADMIN).get_json()
    assert (made["event"], made["property"]) == (name, ["item", "brand/x"])
    assert people.world.get(url) == made


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE, Scope.INGEST])
def test_index__asked_for_without_the_scope__is_forbidden(
    people: People, method: str, scope: Scope
) -> None:
    assert people.world.call(method, INDEX, scope=scope).status_code == 403


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (f"{INDEX}?source=nowhere", 404),
        (f"{INDEX}?source=default", 409),
        (f"{INDEX}?other=1", 400),
        (f"/v1/event-names/{'n' * 201}/properties/brand/index", 422),
        (f"/v1/event-names/buy/properties/{'.'.join('k' * 21)}/index", 422),
    ],
)
def test_index__of_what_is_not_there__is_refused(people: People, url: str, status: int) -> None:
    for method in ("POST", "GET", "DELETE"):
        answer = people.world.call(method, url, scope=Scope.ADMIN)
        assert answer.status_code == status, answer.text
