"""Loads that meet: two uploads at once, edits made while one waits, and a cancel at each state."""

from __future__ import annotations

import concurrent.futures
import threading

import pytest

from gateway.flows.cohorts import uploads
from tests.http.lists import Lists
from tests.http.world import World


@pytest.fixture
def lists(world: World) -> Lists:
    """Lend a source of lists."""
    return Lists(world)


def edit(world: World, cohort: str, **changes: list[str]) -> None:
    answer = world.call("POST", f"/v1/cohorts/{cohort}/members", json=changes)
    assert answer.status_code == 200, answer.text


def test_uploads__of_two_files_at_once__one_is_queued_and_the_other_is_told_of_it(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    start = threading.Barrier(2)

    def send(file: str) -> tuple[int, str]:
        start.wait()
        answer = lists.send(cohort, file)
        found = answer.get_json()
        return answer.status_code, str(found.get("id") or found["load_id"])

    for turn in range(5):
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            found = sorted(threads.map(send, [f"a{turn}\n", f"b{turn}\n"]))
        assert [status for status, _ in found] == [202, 409]
        assert found[0][1] == found[1][1]
        lists.settle()
        assert world.members(cohort) in ([f"a{turn}"], [f"b{turn}"])
    with world.pool.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM uploads").scalar_one() == 0


def test_load__approved_after_newer_members_came__leaves_those_as_they_are(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    lists.load(cohort, "a\nb\nc\n")
    held = lists.load(cohort, "b\nc\nd\ne\n", review="true")
    assert (held["would_enter"], held["would_exit"]) == (2, 1)
    edit(world, cohort, add=["new"], remove=["c", "e"])
    lists.act(held["id"], "approve")
    world.apply()
    done = lists.get(held["id"])
    assert (done["state"], done["entered"], done["exited"]) == ("applied", 1, 1)
    assert world.members(cohort) == ["b", "d", "new"]


@pytest.mark.parametrize("state", ["queued", "needs_approval", "applying", "applied", "failed"])
def test_cancel__at_each_state__changes_nobody_or_is_too_late(
    world: World, lists: Lists, state: str
) -> None:
    cohort = lists.make()
    lists.load(cohort, "a\nb\n")
    review = {"review": "true"} if state == "needs_approval" else {}
    load_id = lists.queue(cohort, "<html>" if state == "failed" else "c\n", **review)
    if state != "queued":
        lists.read()
    if state in ("applied", "failed"):
        lists.settle()
    assert lists.get(load_id)["state"] == state
    answer = world.call("POST", f"/v1/loads/{load_id}/cancel")
    before = world.members(cohort)
    if state in ("queued", "needs_approval"):
        assert (answer.status_code, answer.get_json()["state"]) == (200, "canceled")
        assert before == ["a", "b"]
    else:
        assert (answer.status_code, answer.get_json()["code"]) == (409, "wrong_state")
    lists.settle()
    assert world.members(cohort) == (["c"] if state in ("applying", "applied") else ["a", "b"])
    again = world.call("POST", f"/v1/loads/{load_id}/cancel")
    assert (again.status_code, again.get_json()["code"]) == (409, "wrong_state")
    assert lists.load(cohort, "z\n")["state"] == "applied"


def test_file__queued_for_hours_without_a_loader__keeps_its_place(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    load_id = lists.queue(cohort, "a\nb\n")
    world.clock.tick(hours=30)  # longer than an upload is kept that no load takes
    uploads.prune(world.pool, now=world.clock())
    edit(world, cohort, add=["new"], remove=["b"])
    lists.settle()
    done = lists.get(load_id)
    assert (done["state"], done["entered"]) == ("applied", 1)
    assert world.members(cohort) == ["a", "new"]
