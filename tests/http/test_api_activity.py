"""The audit log: what changed something is listed, with its author, and without its content."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from gateway.app import OPERATIONS
from gateway.core.access.actor import COMMAND
from gateway.core.access.scopes import Scope
from gateway.flows.access import keys
from gateway.flows.cohorts import restored
from gateway.flows.health import audit as flow
from gateway.store.db import audit
from tests.http.lists import Lists
from tests.http.world import World

# Questions, which change and keep nothing; they are posted because a query cannot hold them.
ASKED = {"check_membership", "run_rule", "explain_rule"}
# What these change are members, what services did to them, and files of members until a load, which
# is told, takes them.
OF_MEMBERS = {"erase_member", "begin_upload", "put_part", "record_actions"}
UNTOLD = ASKED | OF_MEMBERS


def told(world: World) -> list[dict[str, Any]]:
    """List what is in the log of the calls below, the oldest first."""
    found: list[dict[str, Any]] = world.get("/v1/activity")["activity"]
    return [one for one in reversed(found) if one["via"] == "api"]


def shorten(entry: dict[str, Any]) -> tuple[object, ...]:
    return tuple(entry[name] for name in ("by", "action", "thing", "details"))


def test_source__made_changed_and_removed__is_told_without_what_is_secret(world: World) -> None:
    body = {"slug": "shop", "kind": "mixpanel"}
    made = world.call("POST", "/v1/sources", json=body).get_json()
    parts = {"name": "Shop", "paused": True, "config": {"project_ids": ["4711"]}}
    for changed in (parts, parts | {"paused": False}, {}):
        assert world.call("PATCH", "/v1/sources/shop", json=changed).status_code == 200
    assert world.call("DELETE", "/v1/sources/shop").status_code == 204
    assert [shorten(one) for one in told(world)] == [
        ("admin", "source.created", "shop", {"kind": "mixpanel"}),
        ("admin", "source.paused", "shop", {}),
        ("admin", "source.changed", "shop", {"fields": ["name", "config.project_ids"]}),
        ("admin", "source.resumed", "shop", {}),
        ("admin", "source.changed", "shop", {"fields": ["name", "config.project_ids"]}),
        ("admin", "source.removed", "shop", {}),
    ]
    everything = world.call("GET", "/v1/activity").text
    assert made["credentials"]["password"] not in everything
    assert "4711" not in everything


def test_cohort__exported_deleted_and_restored__is_told(world: World) -> None:
    cohort_id = world.fill(["zoe"])
    for accepted in ("application/x-ndjson", "text/csv", "application/json"):
        path = f"/v1/cohorts/{cohort_id}/members"
        answer = world.call("GET", path, scope=Scope.READ, headers={"Accept": accepted})
        assert "zoe" in answer.text
    for _ in range(2):
        world.call("DELETE", f"/v1/cohorts/{cohort_id}")
        world.call("POST", f"/v1/cohorts/{cohort_id}/restore")
    assert [shorten(one) for one in told(world)] == [
        ("read", "cohort.exported", cohort_id, {"format": "ndjson"}),
        ("read", "cohort.exported", cohort_id, {"format": "csv"}),
        *[
            ("admin", "cohort.deleted", cohort_id, {}),
            ("admin", "cohort.restored", cohort_id, {}),
        ]
        * 2,
    ]
    assert "zoe" not in world.call("GET", "/v1/activity").text


def test_rejected_rows__read_out__are_told_without_what_they_hold(world: World) -> None:
    lists = Lists(world)
    done = lists.load(lists.make(), "id,note\nzoe,x\n,secret note\n")
    path = f"/v1/loads/{done['id']}/rejected.csv"
    assert "secret note" in world.call("GET", path, scope=Scope.READ).text
    assert shorten(told(world)[-1]) == ("read", "load.rejected_rows_read", done["id"], {})
    assert world.call("GET", "/v1/loads/1-99/rejected.csv", scope=Scope.READ).status_code == 404
    assert told(world)[-1]["thing"] == done["id"]
    assert "secret note" not in world.call("GET", "/v1/activity").text


def test_what_is_refused__is_not_told(world: World) -> None:
    for method, path, body in (
        ("POST", "/v1/sources", {"slug": "default", "kind": "mixpanel"}),
        ("PATCH", "/v1/sources/none", {"name": "a"}),
        ("DELETE", "/v1/cohorts/77", None),
        ("POST", "/v1/deliveries/1-1/retry", None),
    ):
        assert world.call(method, path, json=body).status_code in {404, 409}
    assert told(world) == []


def test_commands__that_change_something__are_told_as_commands(world: World) -> None:
    wanted = keys.Wanted(name="crm", scopes=[Scope.READ])
    made = keys.create(world.pool, wanted, now=world.clock(), actor=COMMAND)
    keys.revoke(world.pool, "crm", now=world.clock(), actor=COMMAND)
    restored.begin_epoch(world.pool, now=world.clock(), actor=COMMAND)
    newest: list[dict[str, Any]] = world.get("/v1/activity", limit=3)["activity"]
    assert [(one["via"], one["by"], one["action"], one["thing"]) for one in newest[1:]] == [
        ("command", None, "key.revoked", "crm"),
        ("command", None, "key.created", "crm"),
    ]
    assert newest[0]["action"] == "database.restored"
    assert newest[2]["details"] == {"scopes": ["read"]}
    assert made.key not in world.call("GET", "/v1/activity").text


def test_list__is_paged_from_the_newest_and_asks_for_the_scope_admin(world: World) -> None:
    for paused in (True, False, True, False):
        world.call("PATCH", "/v1/sources/default", json={"paused": paused})
    everything = world.get("/v1/activity")["activity"]
    numbers = [int(one["id"]) for one in everything]
    assert numbers == sorted(numbers, reverse=True)
    parts = list(world.pages("/v1/activity", limit=2))
    assert [one for part in parts for one in part] == everything
    assert world.call("GET", "/v1/activity", scope=Scope.WRITE).status_code == 403


def test_rows__older_than_400_days__go_and_no_others(world: World) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with world.pool.begin() as conn:
        for days in (401, 399):
            at = now - datetime.timedelta(days=days)
            audit.write(conn, COMMAND, "thing.done", f"{days} days ago", now=at)
    flow.prune(world.pool)
    assert flow.prune(world.pool) == 0
    things = [one["thing"] for one in world.get("/v1/activity")["activity"]]
    assert "399 days ago" in things
    assert "401 days ago" not in things


@pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if one.method != "GET" and one.name not in UNTOLD],
    ids=lambda one: one.name,
)
def test_operations__that_change_something__know_their_author(operation: Any) -> None:  # noqa: ANN401 - an Operation
    assert operation.acts
