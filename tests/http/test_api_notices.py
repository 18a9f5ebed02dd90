"""Notices as services see them: channels that things name, and a message to try them with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.core.access.scopes import Scope
from gateway.store.db.engine import Pool
from tests.destinations import servers
from tests.http.scrape import parse
from tests.http.world import Answer, Clock, World, make_app

TRY = "/v1/notices/test"
PASSWORD = "a-password-in-an-address"
CRM = {
    "slug": "crm",
    "kind": "webhook",
    "config": {"url": "https://example.com/in"},
    "secrets": {"secret": "whsec_" + base64.b64encode(b"s" * 32).decode()},
}


@pytest.fixture
def service() -> servers.Scripted:
    """Lend a service of messages that takes everything."""
    return servers.Scripted(servers.Said(status=200, body={}))


@pytest.fixture
def world(
    pool: Pool, database_url: str, clock: Clock, service: servers.Scripted
) -> Iterator[World]:
    """Lend a gateway with three channels, of which one leads nowhere and one is of no service."""
    with servers.serving(service) as url:
        host = url.removeprefix("http://")
        notify = (
            f"ops=json://user:{PASSWORD}@{host}/in\n\n"
            f"down=json://user:{PASSWORD}@127.0.0.1:1\r\n"
            f"odd=nothing://{PASSWORD}\n"
        )
        key = "a key of thirty-two characters!!"
        app = make_app(database_url, clock, GATEWAY_NOTIFY=notify, GATEWAY_SECRET_KEY=key)
        yield World(pool, app, clock)


def change(world: World, path: str, notify: object) -> Answer:
    return world.call("PATCH", path, json={"notify": notify})


def sync_job(world: World, **more: object) -> Answer:
    body = {"cohort_id": world.fill(["a"]), "destination": "crm", "frequency": "1h", **more}
    return world.call("POST", "/v1/sync-jobs", json=body)


def made(world: World, what: str) -> tuple[str, Any]:
    """Make something that may name channels; returns its path and what it is."""
    if what == "source":
        body: dict[str, object] = {"slug": "shop", "kind": "mixpanel"}
        return "/v1/sources/shop", world.call("POST", "/v1/sources", json=body).get_json()
    if what == "mixpanel":
        path = f"/v1/cohorts/{world.fill(['a'])}"
        return path, world.get(path)
    if what == "list":
        world.call("POST", "/v1/sources", json={"slug": "mine", "kind": "list"})
        answer = world.call("POST", "/v1/cohorts", json={"source": "mine", "name": "VIPs"})
        return answer.headers["Location"], answer.get_json()
    assert world.call("POST", "/v1/destinations", json=CRM).status_code == 201
    answer = sync_job(world)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"], answer.get_json()


@pytest.mark.parametrize("what", ["source", "mixpanel", "list", "job"])
def test_notify__of_each_thing__takes_names_of_channels_only(world: World, what: str) -> None:
    path, before = made(world, what)
    assert before["notify"] is None
    for names in (["ops", "down"], [], None):
        answer = change(world, path, names)
        assert (answer.status_code, answer.get_json()["notify"]) == (200, names)
    change(world, path, ["ops"])
    refused = change(world, path, ["ops", "gone"])
    assert refused.status_code == 422
    (fault,) = refused.get_json()["errors"]
    assert fault["path"] == "notify.1"
    assert "there are down, odd, ops" in fault["message"]
    for odd in ("ops", [7], {"ops": 1}):
        assert change(world, path, odd).status_code in (400, 422)
    assert world.get(path)["notify"] == ["ops"]


def test_notify__given_when_something_is_made__is_kept_or_refused(world: World) -> None:
    assert world.call("POST", "/v1/destinations", json=CRM).status_code == 201
    world.call("POST", "/v1/sources", json={"slug": "mine", "kind": "list"})
    calls = {
        "/v1/sources": {"slug": "shop", "kind": "mixpanel"},
        "/v1/cohorts": {"source": "mine", "name": "VIPs"},
        "/v1/sync-jobs": {
            "cohort_id": world.fill(["a"]),
            "destination": "crm",
            "frequency": "1h",
        },
    }
    for path, body in calls.items():
        assert world.call("POST", path, json={**body, "notify": ["gone"]}).status_code == 422
        answer = world.call("POST", path, json={**body, "notify": ["ops"]})
        assert (answer.status_code, answer.get_json()["notify"]) == (201, ["ops"])


def test_cohort__of_mixpanel__can_be_changed_in_nothing_else(world: World) -> None:
    path, _ = made(world, "mixpanel")
    answer = world.call("PATCH", path, json={"notify": ["ops"], "name": "VIPs"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "made_by_its_source")
    assert world.get(path)["notify"] is None


def test_test__of_all_channels__tells_which_took_the_message(
    world: World, service: servers.Scripted
) -> None:
    answer = world.call("POST", TRY, json={})
    assert answer.status_code == 200
    found = {one["channel"]: (one["ok"], one["message"]) for one in answer.get_json()["channels"]}
    assert found["ops"] == (True, "it was taken")
    assert found["down"] == (False, "the service of this channel did not take the message")
    assert found["odd"][0] is False
    assert "Apprise" in found["odd"][1]
    assert PASSWORD not in answer.text
    (asked,) = service.asked
    assert b"This is a test" in asked.body


def test_test__of_some_channels__asks_no_others(
    world: World, service: servers.Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = world.call("POST", TRY, json={"channels": ["ops"]})
    assert [one["channel"] for one in answer.get_json()["channels"]] == ["ops"]
    assert len(service.asked) == 1
    assert world.call("POST", TRY, json={"channels": ["gone"]}).status_code == 422
    assert world.call("POST", TRY, json={"channels": "ops"}).status_code in (400, 422)
    assert world.call("POST", TRY, json={}, scope=Scope.WRITE).status_code == 403
    assert len(service.asked) == 1
    assert PASSWORD not in "".join(capsys.readouterr())


def test_metrics__of_notices__have_each_kind_and_state(world: World) -> None:
    page = parse(world.http.get("/metrics").text)
    kinds = ("failing", "needs_approval", "stale", "refused", "blocked")
    assert {page.value("gateway_troubles", kind=kind) for kind in kinds} == {0}
    states = ("waiting", "sent", "no_channel", "given_up")
    assert {page.value("gateway_notices", state=state) for state in states} == {0}
