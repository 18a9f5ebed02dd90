"""The same file once more: what was found to change nothing is not looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.store.cohorts import apply_state
from tests import statements
from tests.http.lists import Lists

if TYPE_CHECKING:
    from tests.http.world import World

FILE = "user_id,email,plan\na,a@x.org,gold\nb,b@x.org,silver\na,a@x.org,gold\n"


@pytest.fixture
def lists(world: World) -> Lists:
    return Lists(world)


def members(lists: Lists, cohort: str) -> list[str]:
    found = lists.world.get(f"/v1/cohorts/{cohort}/members")["members"]
    return [one["member_id"] for one in found]


def edit(lists: Lists, cohort: str, **edits: list[str]) -> None:
    answer = lists.world.call("POST", f"/v1/cohorts/{cohort}/members", json=edits)
    assert answer.status_code in {200, 202}, answer.text


def compared(lists: Lists) -> bool:
    """Apply what waits, and tell whether it was compared with its cohort."""
    sent: list[str] = []
    with statements.noted(lists.world.pool.engine, sent.append):
        lists.world.apply()
    return any("differences" in one for one in sent)


@pytest.mark.parametrize("query", [{}, {"review": "true"}])
def test_load__of_the_same_file__is_compared_once(lists: Lists, query: dict[str, str]) -> None:
    cohort = lists.make()
    lists.load(cohort, FILE)
    load = lists.queue(cohort, FILE, **query)
    lists.read()
    if query:
        lists.act(load, "approve")
    assert not compared(lists)
    found = lists.get(load)
    assert (found["state"], found["entered"], found["exited"]) == ("applied", 0, 0)
    assert (found["rows"]["accepted"], found["rows"]["duplicate"]) == (2, 1)
    assert members(lists, cohort) == ["a", "b"]


def test_load__of_the_same_file_with_another_profile__is_compared_twice(lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, FILE)
    load = lists.queue(cohort, FILE.replace("silver", "gold"))
    lists.read()
    assert compared(lists)
    assert lists.get(load)["entered"] == 0
    path = f"/v1/cohorts/{cohort}/members/b"
    assert lists.world.get(path)["properties"] == {"plan": "gold"}


def test_load__of_the_same_file_before_which_an_edit_waited__brings_members_back(
    lists: Lists,
) -> None:
    cohort = lists.make()
    lists.load(cohort, FILE)
    with lists.world.pool.begin() as conn:
        apply_state.lock(conn, int(cohort))
        edit(lists, cohort, remove=["b"])
        load = lists.queue(cohort, FILE)
        lists.read()
    assert compared(lists)
    assert (lists.get(load)["entered"], members(lists, cohort)) == (1, ["a", "b"])


def test_load__of_the_same_file_after_which_an_edit_comes__leaves_the_edit(lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, FILE)
    load = lists.queue(cohort, FILE)
    lists.read()
    edit(lists, cohort, remove=["b"])
    lists.world.apply()
    assert (lists.get(load)["state"], members(lists, cohort)) == ("applied", ["a"])


def test_load__read_anew_as_something_else__is_not_taken_for_the_same(lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, FILE)
    load = lists.queue(cohort, FILE, review="true")
    lists.read()
    path = f"/v1/loads/{load}"
    mapping = {"user_id": "properties", "email": "member_id"}
    assert lists.world.call("PATCH", path, json={"mapping": mapping}).status_code == 200
    lists.read()
    lists.act(load, "approve")
    assert compared(lists)
    assert members(lists, cohort) == ["a@x.org", "b@x.org"]
