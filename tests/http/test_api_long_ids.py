"""Ids of projects and sessions of any length: compared whole, shown short."""

from __future__ import annotations

from typing import Final

from gateway.core import texts
from gateway.sources.mixpanel import body as mixpanel
from tests.http.world import World

ONE: Final = "p" * 1_000_000
OTHER: Final = "p" * 999_999 + "q"
SHOWN: Final = {one: texts.shown_id(one) for one in (ONE, OTHER)}


def test_project_ids__that_differ_at_their_end__are_two_projects(world: World) -> None:
    for project in (ONE, OTHER, SHOWN[ONE], texts.kept_id(ONE)):
        world.post("add_members", ["ada"], mixpanel_project_id=project)
    world.apply()
    cohorts = world.get("/v1/cohorts")["cohorts"]
    third = texts.shown_id(texts.kept_id(ONE))
    assert [one["project_id"] for one in cohorts] == [SHOWN[ONE], SHOWN[OTHER], SHOWN[ONE], third]
    found = world.get("/v1/cohorts", project_id=SHOWN[ONE])["cohorts"]
    assert [one["id"] for one in found] == [cohorts[2]["id"]]
    joined = world.get("/v1/members/ada/cohorts")["cohorts"]
    assert [one["project_id"] for one in joined] == [one["project_id"] for one in cohorts]


def test_filters__by_a_long_project_id__match_it_whole(world: World) -> None:
    one, other = ("p" * 2000 + end for end in "ab")
    for project in (one, other):
        world.post("add_members", ["ada"], mixpanel_project_id=project)
    world.apply()
    (found,) = world.get("/v1/cohorts", project_id=one)["cohorts"]
    assert found["project_id"] == texts.shown_id(one)
    (again,) = world.get("/v1/cohorts", project_id=one, external_id="1")["cohorts"]
    assert again["id"] == found["id"]
    (joined,) = world.get("/v1/members/ada/cohorts", project_id=other)["cohorts"]
    assert joined["project_id"] == texts.shown_id(other)
    erased = world.call("DELETE", "/v1/members/ada", query_string={"project_id": one})
    assert erased.status_code == 204
    world.post("add_members", ["ada", "bob"], mixpanel_project_id=one, page=(2, 2))
    world.apply()
    assert world.members(found["id"]) == ["bob"]
    assert world.members(joined["id"]) == ["ada"]


def test_session_ids__of_a_megabyte__are_shown_short_everywhere(world: World) -> None:
    shown = SHOWN[ONE]
    world.post("members", ["ada"], session=ONE, page=(1, 2))
    (delivery,) = world.get("/v1/deliveries")["deliveries"]
    assert delivery["session_id"] == shown
    world.apply()
    (cohort,) = world.get("/v1/cohorts")["cohorts"]
    assert cohort["refresh"]["session_id"] == shown
    (change,) = world.get(f"/v1/cohorts/{cohort['id']}/changes")["changes"]
    assert change["session_id"] == shown
    world.post("members", ["ada"], session=ONE, page=(1, 2))
    world.post("members", ["ada"], session=OTHER, page=(1, 2))
    syncs = world.get(f"/v1/cohorts/{cohort['id']}/syncs")["syncs"]
    assert [one["session_id"] for one in syncs] == [SHOWN[OTHER], shown]
    assert [one["duplicates"] for one in syncs] == [0, 1]


def test_session_id__of_any_length__is_taken_as_it_was_sent() -> None:
    body = mixpanel.Body(
        b'{"action": "add_members", "parameters": {"mixpanel_project_id": 1, '
        b'"mixpanel_cohort_id": 1, "mixpanel_session_id": "' + b"s" * 300 + b'", "members": []}}'
    )
    assert body.heading().session_id == "s" * 300
