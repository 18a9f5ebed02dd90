"""The history of a member, and cohorts that are frozen into lists."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from gateway.core import moments
from tests.http.editing import Editing
from tests.http.lists import Lists
from tests.http.world import World, quoted


@pytest.fixture
def lists(world: World) -> Editing:
    return Editing(world)


def history(lists: Editing, member_id: str, at: datetime.datetime | None = None) -> Any:  # noqa: ANN401 - JSON
    query = {} if at is None else {"at": moments.write(at)}
    return lists.world.get(f"/v1/cohorts/{lists.id}/members/{quoted(member_id)}/history", **query)


def freeze(lists: Editing, at: datetime.datetime | None = None, name: str = "Frozen") -> Any:  # noqa: ANN401 - JSON
    body = {"name": name} if at is None else {"name": name, "at": moments.write(at)}
    answer = lists.world.call("POST", f"/v1/cohorts/{lists.id}/freeze", json=body)
    assert answer.status_code == 202, answer.text
    load = answer.get_json()
    assert answer.headers["Location"] == f"/v1/loads/{load['id']}"
    assert (load["state"], load["mode"], load["trigger"]) == ("queued", "replace", "request")
    Lists(lists.world).settle()
    done = lists.world.get(answer.headers["Location"])
    assert (done["state"], done["file"], done["error"]) == ("applied", None, None)
    return done


def test_history__of_a_member__is_told_newest_first(lists: Editing) -> None:
    begun = lists.world.clock()
    lists.world.clock.tick(minutes=1)
    lists.edit(["ada/x", "b"])
    entered = lists.world.clock()
    lists.world.clock.tick(minutes=1)
    lists.edit([], ["ada/x"])
    lists.world.clock.tick(minutes=1)
    found = history(lists, "ada/x")
    assert [(one["seq"], one["change"], one["member_id"]) for one in found["changes"]] == [
        (3, "exited", "ada/x"),
        (1, "entered", "ada/x"),
    ]
    assert all(one["session_id"].startswith("edit-") for one in found["changes"])
    assert (found["member_now"], found["member_at"]) == (False, None)
    for at, was in ((begun, False), (entered, True), (lists.world.clock(), False)):
        assert history(lists, "ada/x", at)["member_at"] is was
    assert history(lists, "b", entered)["member_now"] is True
    nobody = history(lists, "nobody", entered)
    assert nobody == {"changes": [], "member_now": False, "member_at": False}


def test_history__in_a_cohort_of_mixpanel__is_told_as_well(lists: Editing) -> None:
    lists.id = lists.world.fill(["a"], session="s1")
    found = history(lists, "a", lists.world.clock())
    assert (found["changes"][0]["session_id"], found["member_at"]) == ("s1", True)


def test_history__that_was_pruned__is_not_known_beyond(lists: Editing) -> None:
    lists.edit(["a"])
    old = lists.world.clock()
    lists.world.clock.tick(days=200)
    lists.edit(["b"])
    with lists.world.pool.begin() as conn:
        conn.exec_driver_sql("DELETE FROM changes WHERE last_seq = 1")
        conn.exec_driver_sql("UPDATE apply_state SET oldest_change = 2")
    found = history(lists, "a", old)
    assert found == {"changes": [], "member_now": True, "member_at": None}
    assert history(lists, "a", lists.world.clock())["member_at"] is True
    answer = lists.world.call(
        "POST",
        f"/v1/cohorts/{lists.id}/freeze",
        json={"name": "x", "at": moments.write(old)},
    )
    assert (answer.status_code, answer.get_json()["oldest_seq"]) == (410, 2)


def test_history__of_an_erased_member__tells_nothing(lists: Editing) -> None:
    lists.edit(["a", "b"])
    lists.world.call("DELETE", "/v1/members/a")
    assert history(lists, "a")["changes"] == []


@pytest.mark.parametrize("query", ["at=yesterday", "at=2026-01-01", "limit=1", "min_seq=x"])
def test_history__asked_with_what_is_no_parameter__is_a_400(lists: Editing, query: str) -> None:
    answer = lists.world.call("GET", f"/v1/cohorts/{lists.id}/members/a/history?{query}")
    assert answer.status_code == 400


def test_history__of_what_is_not_there__is_not_found(lists: Editing) -> None:
    lists.world.call("DELETE", f"/v1/cohorts/{lists.id}")
    for cohort in (lists.id, "999999"):
        answer = lists.world.call("GET", f"/v1/cohorts/{cohort}/members/a/history")
        assert answer.status_code == 404
        answer = lists.world.call("POST", f"/v1/cohorts/{cohort}/freeze", json={"name": "x"})
        assert answer.status_code == 404


ODD = "o\\d\td\n\x08\x0b\x0c/\\b"
PROFILE = {"member_id": ODD, "email": "a\\b\x0bc", "properties": {"k\\": ["\t\x0b", "\\v", None]}}


def test_frozen__cohort__is_a_list_of_the_same_members(lists: Editing) -> None:
    lists.edit([PROFILE, "b"], [])
    load = freeze(lists)
    frozen = lists.world.get(f"/v1/cohorts/{load['cohort_id']}")
    assert (frozen["kind"], frozen["name"], frozen["member_count"]) == ("list", "Frozen", 2)
    assert (load["rows"]["read"], load["entered"]) == (2, 2)
    lists.edit(["c"], ["b"])
    assert lists.members(load["cohort_id"]) == sorted(["b", ODD])
    before = lists.member(ODD)
    lists.id = load["cohort_id"]
    after = lists.member(ODD)
    assert {**before, "entered_at": 0} == {**after, "entered_at": 0}


def test_frozen__cohort_of_an_earlier_moment__has_those_that_were_in_it(lists: Editing) -> None:
    lists.edit([PROFILE, {"member_id": "left", "email": "l"}, "back", "stays"])
    at = lists.world.clock()
    lists.world.clock.tick(minutes=1)
    lists.edit(["new", "gone"], ["left", "back"])
    lists.edit(["back"], ["gone"])
    lists.world.clock.tick(minutes=1)
    load = freeze(lists, at)
    assert lists.members(load["cohort_id"]) == sorted([ODD, "left", "back", "stays"])
    lists.id = load["cohort_id"]
    assert (lists.member("left")["email"], lists.member("left")["properties"]) == (None, {})
    assert lists.member(ODD)["email"] == PROFILE["email"]


def test_frozen__before_there_was_anybody__is_empty(lists: Editing) -> None:
    at = lists.world.clock()
    lists.world.clock.tick(minutes=1)
    lists.edit(["a"])
    load = freeze(lists, at)
    assert (load["rows"]["read"], lists.members(load["cohort_id"])) == (0, [])


def test_frozen__cohort_of_mixpanel__edited_before_it_is_read__keeps_both(lists: Editing) -> None:
    lists.id = lists.world.fill(["a", "b"])
    answer = lists.world.call("POST", f"/v1/cohorts/{lists.id}/freeze", json={"name": "x"})
    made = answer.get_json()["cohort_id"]
    lists.edit(["c"], ["a"], cohort=made)
    lists.world.post("remove_members", ["b"])
    lists.world.apply()
    Lists(lists.world).settle()
    assert lists.members(made) == ["b", "c"], "as it was asked for, and later edits win"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"name": " "}, 422),
        ({"name": "x", "at": "yesterday"}, 422),
        ({"name": "x", "at": "2999-01-01T00:00:00Z"}, 422),
        ({"name": "x", "more": 1}, 422),
        ([], 400),
    ],
)
def test_freeze__that_cannot_be__makes_nothing(lists: Editing, body: object, status: int) -> None:
    answer = lists.world.call("POST", f"/v1/cohorts/{lists.id}/freeze", json=body)
    assert answer.status_code == status, answer.text
    assert len(lists.world.get("/v1/cohorts")["cohorts"]) == 1


def test_freeze__where_the_built_in_source_is_another__uses_a_list_or_says_so(
    lists: Editing,
) -> None:
    with lists.world.pool.begin() as conn:
        conn.exec_driver_sql("UPDATE sources SET slug = 'others' WHERE slug = 'lists'")
    load = freeze(lists)
    assert lists.world.get(f"/v1/cohorts/{load['cohort_id']}")["source"] == "others"


def test_freeze__of_many__is_read_in_pages(lists: Editing) -> None:
    lists.edit([f"m{n}" for n in range(10_000)])
    lists.edit([f"x{n}" for n in range(3000)])
    load = freeze(lists)
    assert load["rows"]["read"] == 13_000
    (sync,) = lists.world.get(f"/v1/cohorts/{load['cohort_id']}/syncs")["syncs"]
    assert (sync["total_pages"], sync["entered"]) == (2, 13_000)
