"""Destinations as the API lists, shows, changes and tries them."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from gateway import outbound
from gateway.destinations.adapter import Client
from gateway.flows.syncs.setup import Setup
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.http.world import Clock, World, make_app
from tests.syncs import receiver

KEY = "a key of thirty-two characters!!"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
CRM = {
    "slug": "crm",
    "kind": "webhook",
    "config": {"url": "https://example.com/in"},
    "secrets": {"secret": SECRET},
}


@pytest.fixture
def world(pool: Pool, database_url: str, clock: Clock) -> Iterator[World]:
    """Lend a gateway that has a key for secrets, and may send to this machine."""
    made = World(pool, make_app(database_url, clock), clock)
    here = outbound.networks("127.0.0.0/8")
    with outbound.Client(allow=here, plain=here) as client:
        know(made, [KEY], client)
        yield made


def know(world: World, keys: list[str], client: Client | None = None) -> None:
    """Give a gateway these keys of secrets."""
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    setup = Setup(vault=Vault(keys), client=client or given.sending.client)
    world.app.extensions[deps.EXTENSION] = dataclasses.replace(given, sending=setup)


def make(world: World, **changed: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call("POST", "/v1/destinations", json={**CRM, **changed})
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def refused(world: World, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
    answer = world.call(method, path, json=body)
    assert answer.status_code in (409, 422), answer.text
    assert SECRET not in answer.text
    return answer.get_json()


def test_kinds__all__have_schemas_and_facts(world: World) -> None:
    kinds = world.get("/v1/destination-kinds")["kinds"]
    assert "webhook" in {one["kind"] for one in kinds}
    for kind in kinds:
        for part in ("config", "secrets", "options"):
            jsonschema_rs.meta.validate(kind[part])
        assert kind["available"] == (kind["reason"] is None)
        assert kind["limits"]["members"] > 0
        assert kind["modes"]
        assert kind["status"]
        assert "endpoint" in kind["config"]["properties"]


def test_destination__just_made__is_shown_without_anything_secret(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make(world)
    set_at = made["secrets"].pop("secret")["set_at"]
    assert made == {
        "slug": "crm",
        "kind": "webhook",
        "name": "crm",
        "paused": False,
        "config": {
            "url": "https://example.com/in",
            "endpoint": None,
            "batch": 1,
            "concurrency": 4,
        },
        "secrets": {"previous_secret": None},
        "created_at": set_at,
        "last_ok_at": None,
        "last_error": None,
    }
    for path in ("/v1/destinations", "/v1/destinations/crm", "/v1/activity"):
        assert SECRET not in world.call("GET", path).text
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err


def test_destinations__of_a_kind__are_listed_in_parts(world: World) -> None:
    for slug in ("c", "a", "b"):
        make(world, slug=slug)
    listed = [one["slug"] for part in world.pages("/v1/destinations", limit=2) for one in part]
    assert listed == ["a", "b", "c"]
    assert world.get("/v1/destinations", kind="http")["destinations"] == []


def test_destination__that_cannot_be_made__is_refused_with_every_fault(world: World) -> None:
    make(world)
    assert refused(world, "POST", "/v1/destinations", CRM)["code"] == "exists"
    wrong = {"slug": "A b", "kind": "webhook", "config": {"url": "x", "q": 1}, "secrets": {}}
    told = refused(world, "POST", "/v1/destinations", wrong)
    assert {one["path"] for one in told["errors"]} == {
        "slug",
        "config.url",
        "config.q",
        "secrets.secret",
    }
    told = refused(world, "POST", "/v1/destinations", {**CRM, "kind": "fax"})
    assert told["errors"][0]["path"] == "kind"
    know(world, [])
    told = refused(world, "POST", "/v1/destinations", {**CRM, "slug": "d"})
    assert told["code"] == "no_secret_key"


def test_destination__that_moves__needs_its_secrets_again(world: World) -> None:
    make(world)
    path = "/v1/destinations/crm"
    for moved in (
        {"url": "https://other.example.com/in"},
        {"endpoint": "https://proxy.example.com"},
    ):
        told = refused(world, "PATCH", path, {"config": moved})
        assert (told["code"], told["errors"][0]["path"]) == ("secrets_needed", "secrets.secret")
        again = {"config": moved, "secrets": {"secret": SECRET}}
        found = world.call("PATCH", path, json=again).get_json()
        assert found["config"].items() >= moved.items()
    told = refused(world, "PATCH", path, {"config": {"batch": 0}})
    assert told["errors"][0]["path"] == "config.batch"
    kept = {"config": {"batch": 5}, "name": "CRM", "paused": True}
    found = world.call("PATCH", path, json=kept).get_json()
    assert (found["config"]["batch"], found["name"], found["paused"]) == (5, "CRM", True)
    assert world.call("PATCH", path, json={"paused": False}).get_json()["paused"] is False
    told = refused(world, "PATCH", path, {"secrets": {"secret": None}})
    assert told["errors"][0]["path"] == "secrets.secret"


def test_secret__that_no_key_reads__is_the_trouble_of_its_destination_alone(world: World) -> None:
    make(world)
    know(world, ["another key of thirty-two characters"])
    make(world, slug="other")
    assert world.get("/v1/destinations/other")["last_error"] is None
    assert world.get("/v1/destinations/crm")["last_error"]["code"] == "secret_unreadable"
    trial = world.call("POST", "/v1/destinations/crm/test").get_json()
    assert (trial["ok"], [one["step"] for one in trial["steps"]]) == (False, ["configuration"])


def test_destination__that_is_removed__is_gone_and_its_slug_free(world: World) -> None:
    make(world)
    assert world.call("DELETE", "/v1/destinations/crm").status_code == 204
    for method in ("GET", "DELETE"):
        assert world.call(method, "/v1/destinations/crm").status_code == 404
    assert world.call("PATCH", "/v1/destinations/crm", json={"name": "a"}).status_code == 404
    assert world.call("POST", "/v1/destinations/crm/test").status_code == 404
    make(world)
    done = [one["action"] for one in world.get("/v1/activity")["activity"]]
    assert done[:3] == ["destination.created", "destination.removed", "destination.created"]


def test_trial__of_a_receiver__says_how_each_step_went(world: World) -> None:
    with receiver.serving(lambda _: (405, {}, b"")) as url:
        make(world, config={"url": url})
        trial = world.call("POST", "/v1/destinations/crm/test").get_json()
    assert trial["ok"]
    assert [one["step"] for one in trial["steps"]] == ["configuration", "connect"]
    assert all(one["milliseconds"] >= 0 for one in trial["steps"])


@pytest.mark.parametrize(
    ("url", "step", "code"),
    [
        ("http://127.0.0.1:1/", "connect", "unreachable"),
        ("http://10.0.0.1/", "resolve", "forbidden_address"),
        ("https://[::1]/", "resolve", "forbidden_address"),
        ("http://1.1.1.1/", "resolve", "forbidden_address"),
    ],
)
def test_trial__of_what_cannot_be_reached__names_the_step(
    world: World, url: str, step: str, code: str
) -> None:
    make(world, config={"url": url})
    trial = world.call("POST", "/v1/destinations/crm/test").get_json()
    last = trial["steps"][-1]
    assert (trial["ok"], last["step"], last["ok"]) == (False, step, False)
    assert last["message"].startswith(code)
