"""Cohorts as services see them."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

from tests.http.world import PROJECT, World

FIELDS = {
    "id",
    "source",
    "project_id",
    "external_id",
    "name",
    "description",
    "member_count",
    "created_at",
    "updated_at",
    "deleted_at",
    "last_synced_at",
    "fresh_until",
    "definition",
    "schedule",
    "guard",
    "next_load_at",
    "last_load",
    "notify",
    "kind",
    "stale",
    "refresh",
    "last_seq",
    "epoch",
}


def test_cohort__after_a_sync__has_every_documented_field(world: World) -> None:
    world.post("add_members", ["a", "b"], mixpanel_cohort_name="VIPs")
    world.apply()
    (listed,) = world.get("/v1/cohorts")["cohorts"]
    assert listed.keys() == FIELDS
    assert world.get(f"/v1/cohorts/{listed['id']}") == listed
    assert listed["source"] == "default"
    assert listed["project_id"] == PROJECT
    assert listed["external_id"] == "1"
    assert listed["name"] == "VIPs"
    assert listed["description"] is None
    assert listed["member_count"] == 2
    assert listed["last_seq"] == 2
    assert listed["refresh"] is None
    assert listed["stale"] is False
    assert listed["kind"] == "mixpanel"
    for field in ("created_at", "updated_at", "last_synced_at"):
        assert datetime.datetime.fromisoformat(listed[field]).utcoffset() == datetime.timedelta()


def test_cohorts__filters__are_exact_and_all_must_match(world: World) -> None:
    world.add_source("other")
    world.post("add_members", ["a"], cohort="1", mixpanel_cohort_name="One")
    world.post("add_members", ["a"], cohort="1", source="other", mixpanel_cohort_name="One")
    world.post("add_members", ["a"], cohort="2", mixpanel_project_id="7")

    def found(**filters: str) -> list[tuple[str, str, str]]:
        listed = world.get("/v1/cohorts", **filters)["cohorts"]
        return [(one["source"], one["project_id"], one["external_id"]) for one in listed]

    assert len(found()) == 3
    assert found(source="other") == [("other", PROJECT, "1")]
    assert found(project_id="7") == [("default", "7", "2")]
    assert found(external_id="1", source="default") == [("default", PROJECT, "1")]
    assert found(external_id="1", project_id=PROJECT, source="other") == [("other", PROJECT, "1")]
    assert len(found(name="One")) == 2
    for nothing in ({"name": "one"}, {"source": ""}, {"external_id": "1 "}, {"project_id": "8"}):
        assert found(**nothing) == []


def test_cohorts__by_pages__are_each_listed_once_in_order(world: World) -> None:
    for number in range(7):
        world.post("add_members", ["a"], cohort=str(number))
    pages = list(world.pages("/v1/cohorts"))
    assert [len(page) for page in pages] == [3, 3, 1]
    seen = [one["external_id"] for page in pages for one in page]
    assert seen == [str(number) for number in range(7)]


@pytest.mark.parametrize("cohort_id", ["0", "999", "-1", "007", "1e3", "x", "9" * 19, "9" * 400])
def test_cohort__that_nobody_has__is_404(world: World, cohort_id: str) -> None:
    for path in ("", "/members", "/members/a", "/changes", "/syncs"):
        answer = world.call("GET", f"/v1/cohorts/{cohort_id}{path}")
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"
        assert answer.get_json()["code"] == "not_found"


def test_stale__nothing_heard_for_three_intervals__until_a_heartbeat(world: World) -> None:
    cohort_id = world.fill(["a"])
    world.clock.tick(minutes=89)
    assert world.get(f"/v1/cohorts/{cohort_id}")["stale"] is False
    world.clock.tick(minutes=2)
    assert world.get(f"/v1/cohorts/{cohort_id}")["stale"] is True
    world.post("add_members", [], session="s2")
    fresh = world.get(f"/v1/cohorts/{cohort_id}")
    assert fresh["stale"] is False
    assert datetime.datetime.fromisoformat(fresh["last_synced_at"]) == world.clock.now


def test_fresh_until__of_a_mixpanel_cohort__is_ninety_minutes_after_it_was_heard_of(
    world: World,
) -> None:
    cohort_id = world.fill(["a"])
    found = world.get(f"/v1/cohorts/{cohort_id}")
    heard, until = (
        datetime.datetime.fromisoformat(found[name]) for name in ("last_synced_at", "fresh_until")
    )
    assert until - heard == datetime.timedelta(minutes=90)
    world.clock.now = until
    assert stale_everywhere(world, cohort_id) == {False}
    world.clock.tick(seconds=1)
    assert stale_everywhere(world, cohort_id) == {True}


def test_cohort__of_a_source_that_is_never_expected__is_never_stale(world: World) -> None:
    cohort_id = world.fill(["a"])
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE sources SET expected_every_seconds = NULL"))
    world.clock.tick(days=1000)
    assert world.get(f"/v1/cohorts/{cohort_id}")["fresh_until"] is None
    assert stale_everywhere(world, cohort_id) == {False}


def stale_everywhere(world: World, cohort_id: str) -> set[bool]:
    """Collect what each answer says of a cohort that "a" is in."""
    (joined,) = world.get("/v1/members/a/cohorts")["cohorts"]
    asked = {"cohort_ids": [cohort_id, "999", "x"], "member_ids": ["a"]}
    checked = world.call("POST", "/v1/membership/check", json=asked).get_json()
    assert checked["stale"].keys() == {cohort_id}
    (listed,) = world.get("/v1/cohorts")["cohorts"]
    one = world.get(f"/v1/cohorts/{cohort_id}")
    return {joined["stale"], checked["stale"][cohort_id], listed["stale"], one["stale"]}


def test_cohorts__of_a_kind__are_those_of_its_sources(world: World) -> None:
    for cohort in ("1", "2", "3"):
        world.post("add_members", ["a"], cohort=cohort)
    assert len(world.get("/v1/cohorts", kind="mixpanel")["cohorts"]) == 3
    assert world.get("/v1/cohorts", kind="list") == {"cohorts": [], "next_cursor": None}
    first = world.get("/v1/cohorts", kind="mixpanel", limit=2)
    rest = world.get("/v1/cohorts", kind="mixpanel", limit=2, cursor=first["next_cursor"])
    assert [one["external_id"] for one in rest["cohorts"]] == ["3"]
    wrong = world.call("GET", "/v1/cohorts", query_string={"cursor": first["next_cursor"]})
    assert wrong.status_code == 400


def test_refresh__while_under_way__tells_how_far_it_is(world: World) -> None:
    world.post("members", ["a"], session="r1", page=(2, 3))
    cohort_id = world.cohort_id()
    under_way = {"session_id": "r1", "pages_received": 1, "total_pages": 3}
    assert world.get(f"/v1/cohorts/{cohort_id}")["refresh"] == under_way
    world.apply()
    world.post("members", ["b"], session="r1", page=(2, 3))
    assert world.get(f"/v1/cohorts/{cohort_id}")["refresh"] == under_way
    world.post("members", ["b"], session="r1", page=(1, 3))
    world.post("members", ["c"], session="r1", page=(3, 3))
    assert world.get(f"/v1/cohorts/{cohort_id}")["refresh"] == under_way | {"pages_received": 3}
    world.apply()
    done = world.get(f"/v1/cohorts/{cohort_id}")
    assert done["refresh"] is None
    assert done["member_count"] == 2


def test_refresh__without_a_session_id__says_null(world: World) -> None:
    world.post("members", ["a"], session=None)
    assert world.get(f"/v1/cohorts/{world.cohort_id()}")["refresh"]["session_id"] is None


def test_refresh__overtaken_by_a_newer_one__is_no_longer_under_way(world: World) -> None:
    world.post("members", ["a"], session="r1", page=(1, 2))
    world.post("members", ["b"], session="r2")
    world.apply()
    assert world.get(f"/v1/cohorts/{world.cohort_id()}")["refresh"] is None


def test_updated_at__of_a_cohort__moves_with_its_members(world: World) -> None:
    cohort_id = world.fill(["a"])
    before = world.get(f"/v1/cohorts/{cohort_id}")["updated_at"]
    world.fill(["a", "b"], session="s2")
    assert world.get(f"/v1/cohorts/{cohort_id}")["updated_at"] > before
