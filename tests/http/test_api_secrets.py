"""Secrets of sources over HTTP: written, never answered, never logged."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gateway.flows.sources.setup import Setup
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.http.world import Clock, World, make_app
from tests.sources.sample_kind import DATABASE

SECRET = "a-password-of-another-system"
SOURCE = {
    "slug": "db",
    "kind": "database",
    "config": {"host": "a"},
    "secrets": {"password": SECRET},
}


@pytest.fixture
def world(pool: Pool, database_url: str, clock: Clock) -> World:
    """Lend a gateway that knows a kind of source with secrets, and one that is not installed."""
    made = World(pool, make_app(database_url, clock), clock)
    know(made, ["a key of thirty-two characters!!"])
    return made


def know(world: World, keys: list[str]) -> None:
    """Give a gateway these keys of secrets."""
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    absent = dataclasses.replace(DATABASE, name="absent", package="no_such_package")
    setup = Setup(kinds={"database": DATABASE, "absent": absent}, vault=Vault(keys))
    world.app.extensions[deps.EXTENSION] = dataclasses.replace(given, setup=setup)


def refused(world: World, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call(method, path, json=body)
    assert answer.status_code in (409, 422), answer.text
    assert SECRET not in answer.text
    return answer.get_json()


def test_secret__of_a_source__is_in_no_answer_and_no_log(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    made = world.call("POST", "/v1/sources", json=SOURCE)
    assert made.status_code == 201, made.text
    found = made.get_json()
    assert "credentials" not in found
    assert found["secrets"].keys() == {"password", "key"}
    assert found["secrets"]["password"]["set_at"] == found["created_at"]
    assert found["secrets"]["key"] is None
    assert found["config"] == {"host": "a", "role": None}
    for answer in (
        made,
        world.call("GET", "/v1/sources"),
        world.call("GET", "/v1/sources/db"),
        world.call("PATCH", "/v1/sources/db", json={"secrets": {"password": SECRET}}),
        world.call("PATCH", "/v1/sources/db", json={"secrets": {SECRET[:5]: 1, "key": [SECRET]}}),
        world.call("GET", "/metrics"),
    ):
        assert SECRET not in answer.text
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err


def test_secret__that_cannot_be_kept_or_would_travel__is_refused_by_code(world: World) -> None:
    assert world.call("POST", "/v1/sources", json=SOURCE).status_code == 201
    told = refused(world, "POST", "/v1/sources", SOURCE)
    assert (told["code"], "password" in told["detail"]) == ("exists", False)
    moved = {"config": {"host": "b"}}
    told = refused(world, "PATCH", "/v1/sources/db", moved)
    assert (told["code"], told["errors"][0]["path"]) == ("secrets_needed", "secrets.password")
    again = {**moved, "secrets": {"password": SECRET}}
    assert world.call("PATCH", "/v1/sources/db", json=again).get_json()["config"]["host"] == "b"
    know(world, [])
    told = refused(world, "POST", "/v1/sources", {**SOURCE, "slug": "db2"})
    assert told["code"] == "no_secret_key"
    assert world.call("GET", "/v1/sources/db2").status_code == 404
    assert world.get("/v1/sources/db")["last_error"]["code"] == "secret_unreadable"
    assert world.get("/v1/sources/default")["last_error"] is None


def test_kind__that_is_not_installed__is_listed_with_the_reason(world: World) -> None:
    kinds = {one["kind"]: one for one in world.get("/v1/source-kinds")["kinds"]}
    assert kinds["database"]["available"] is True
    assert kinds["database"]["secrets"]["properties"]["password"]["writeOnly"] is True
    assert kinds["absent"]["available"] is False
    assert "no_such_package" in kinds["absent"]["reason"]
    told = refused(world, "POST", "/v1/sources", {**SOURCE, "kind": "absent"})
    assert [one["path"] for one in told["errors"]] == ["kind"]
