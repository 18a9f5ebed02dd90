"""Destinations of vendors over the API: made, refused, shown and tried, with their fakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway import outbound
from gateway.store.db.engine import Pool
from tests.destinations import servers
from tests.destinations.braze import instance as braze
from tests.destinations.google import manager as google
from tests.destinations.http import lists
from tests.destinations.meta import graph as meta
from tests.destinations.servers import Said, Scripted, Vendor
from tests.http.test_api_destinations import KEY, know
from tests.http.world import Clock, World, make_app


@pytest.fixture
def world(pool: Pool, database_url: str, clock: Clock) -> Iterator[World]:
    """Lend a gateway that has a key for secrets, and may send to this machine."""
    made = World(pool, make_app(database_url, clock), clock)
    with outbound.Client(allow=servers.HERE, plain=servers.HERE) as client:
        know(made, [KEY], client)
        yield made


KINDS: list[tuple[str, dict[str, Any], dict[str, str], Vendor]] = [
    ("meta", {"account_id": "42"}, {"access_token": meta.TOKEN}, meta.Graph()),
    (
        "braze",
        {},
        {"partner_api_key": braze.PARTNER, "client_secret": braze.SECRET},
        braze.Instance(),
    ),
    ("google", {"account_id": "123-456-7890"}, google.SECRETS, google.Manager()),
    ("http", lists.DECLARED, {"api_key": lists.KEY}, lists.Lists()),
    ("iterable", {}, {"api_key": "k-123456"}, Scripted(Said(body={"lists": []}))),
]


@pytest.mark.parametrize(("kind", "config", "secrets", "vendor"), KINDS)
def test_destination__of_a_vendor__is_made_shown_and_tried(
    world: World,
    kind: str,
    config: dict[str, Any],
    secrets: dict[str, str],
    vendor: Vendor,
) -> None:
    with servers.serving(vendor) as base:
        body = {
            "slug": "there",
            "kind": kind,
            "config": {**config, "endpoint": base},
            "secrets": secrets,
        }
        made = world.call("POST", "/v1/destinations", json=body)
        assert made.status_code == 201, made.text
        shown = world.call("GET", "/v1/destinations/there")
        for secret in secrets.values():
            assert secret not in made.text + shown.text
        assert shown.get_json()["config"]["endpoint"] == base
        for name, value in config.items():
            assert shown.get_json()["config"][name] == value
        # What is shown can be sent back as it is.
        same = world.call(
            "PATCH", "/v1/destinations/there", json={"config": shown.get_json()["config"]}
        )
        assert same.status_code == 200, same.text
        tried = world.call("POST", "/v1/destinations/there/test").get_json()
    assert tried["ok"], tried


def test_declaration__with_faults__is_refused_with_their_paths(world: World) -> None:
    ops = {"add": {"method": "POST", "path": "/x/{{member.id}}", "body": {"a": "b{{members}}"}}}
    body = {
        "slug": "there",
        "kind": "http",
        "config": {
            "endpoint": "https://api.example.com",
            "identifier": {"any_of": ["id"]},
            "ops": ops,
        },
    }
    answer = world.call("POST", "/v1/destinations", json=body)
    assert answer.status_code == 422
    assert {one["path"] for one in answer.get_json()["errors"]} == {
        "config.ops.add.path",
        "config.ops.add.body",
    }


def test_declaration__that_leads_elsewhere__needs_its_secrets_again(world: World) -> None:
    body = {
        "slug": "there",
        "kind": "http",
        "config": {**lists.DECLARED, "base_url": "https://api.example.com"},
        "secrets": {"api_key": lists.KEY},
    }
    assert world.call("POST", "/v1/destinations", json=body).status_code == 201
    for changed in (
        {"base_url": "https://elsewhere.example.com"},
        {"endpoint": "https://elsewhere.example.com"},
        {"auth": {"type": "query", "values": {"key": "{{settings.api_key}}"}}},
    ):
        answer = world.call("PATCH", "/v1/destinations/there", json={"config": changed})
        assert answer.status_code == 422, answer.text
        assert answer.get_json()["code"] == "secrets_needed"


def test_kinds__of_vendors__tell_what_they_do_to_people(world: World) -> None:
    kinds = {one["kind"]: one for one in world.get("/v1/destination-kinds")["kinds"]}
    for name in ("meta", "braze", "google", "http", "iterable", "kameleoon"):
        assert kinds[name]["effects"]
        assert kinds[name]["identifiers"]
    assert "values expire after 92 days, and are sent again before" in kinds["kameleoon"]["effects"]
    assert (kinds["leanplum"]["status"], kinds["appcues"]["status"]) == ("deprecated", "unverified")
    assert (kinds["meta"]["limits"]["members"], kinds["google"]["limits"]["members"]) == (
        10_000,
        10_000,
    )
