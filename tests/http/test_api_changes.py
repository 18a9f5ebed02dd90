"""Changes and syncs as services see them."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

from gateway.flows.cohorts import restored
from tests.http.world import World


def test_changes__of_a_life__are_in_order_without_gaps(world: World) -> None:
    cohort_id = world.fill(["a", "b"], session="s1")
    world.post("remove_members", ["a"], session="s2")
    world.apply()
    world.post("members", ["c", "b"], session=None)
    world.apply()
    listed = world.get(f"/v1/cohorts/{cohort_id}/changes")
    assert [one["seq"] for one in listed["changes"]] == [1, 2, 3, 4]
    assert world.changes(cohort_id) == [
        (1, "entered", "a"),
        (2, "entered", "b"),
        (3, "exited", "a"),
        (4, "entered", "c"),
    ]
    assert [one["session_id"] for one in listed["changes"]] == ["s1", "s1", "s2", None]
    assert listed["next_after"] == 4
    times = [datetime.datetime.fromisoformat(one["at"]) for one in listed["changes"]]
    assert times == sorted(times)
    assert times[-1] == world.clock.now


def test_changes__in_small_steps__cross_the_kept_arrays(world: World) -> None:
    people = [f"p-{number:04}" for number in range(1500)]
    cohort_id = world.fill(people)
    seen, after = [], 0
    while True:
        page = world.get(f"/v1/cohorts/{cohort_id}/changes", after=after, limit=333)
        seen += [one["member_id"] for one in page["changes"]]
        if not page["changes"]:
            assert page["next_after"] == after
            break
        assert page["next_after"] == page["changes"][-1]["seq"] == len(seen)
        after = page["next_after"]
    assert seen == people


def test_changes__after_the_last__are_none_and_next_after_stays(world: World) -> None:
    cohort_id = world.fill(["a"])
    page = world.get(f"/v1/cohorts/{cohort_id}/changes", after=1)
    assert (page["changes"], page["next_after"]) == ([], 1)


@pytest.mark.parametrize("after", [2, 2**63 - 1])
def test_changes__after_more_than_there_are__are_409_with_the_newest(
    world: World, after: int
) -> None:
    cohort_id = world.fill(["a"])
    path, epoch = f"/v1/cohorts/{cohort_id}", world.get(f"/v1/cohorts/{cohort_id}")["epoch"]
    for query in ({"after": after}, {"after": after, "min_seq": after}):
        answer = world.call(
            "GET", f"{path}/changes", query_string=query, headers={"If-None-Match": "*"}
        )
        assert answer.status_code == 409
        said = answer.get_json()
        assert (said["code"], said["last_seq"], said["epoch"]) == ("ahead", 1, epoch)
    behind = world.call("GET", f"{path}/changes?after=1&min_seq=2")
    assert behind.status_code == 503, "a change that is still to come is worth waiting for"


def test_changes__of_no_cohort__are_404_wherever_they_begin(world: World) -> None:
    for query in ("", "?after=1", "?after=1&min_seq=1"):
        assert world.call("GET", f"/v1/cohorts/1/changes{query}").status_code == 404


def test_epoch__after_a_restore__is_another_one_everywhere(world: World) -> None:
    cohort_id = world.fill(["a"])
    paths = (f"/v1/cohorts/{cohort_id}", f"/v1/cohorts/{cohort_id}/changes")
    before = {path: world.call("GET", path) for path in paths}
    epochs = {answer.get_json()["epoch"] for answer in before.values()}
    restored.begin_epoch(world.pool, now=world.clock())
    for path, answer in before.items():
        held = {"If-None-Match": answer.headers["ETag"]}
        now = world.call("GET", path, headers=held)
        assert now.status_code == 200
        epochs.add(now.get_json()["epoch"])
    (listed,) = world.get("/v1/cohorts")["cohorts"]
    epochs.add(listed["epoch"])
    ahead = world.call("GET", f"/v1/cohorts/{cohort_id}/changes?after=2").get_json()
    assert listed["epoch"] == ahead["epoch"]
    assert len(epochs) == 2


def test_changes__that_were_pruned__are_410_with_the_oldest_kept(world: World) -> None:
    cohort_id = world.fill(["a"], session="s1")
    world.fill(["b"], session="s2")
    with world.pool.begin() as conn:
        conn.execute(text("DELETE FROM changes WHERE last_seq = 1"))
        conn.execute(text("UPDATE apply_state SET oldest_change = 2"))
    answer = world.call("GET", f"/v1/cohorts/{cohort_id}/changes")
    assert answer.status_code == 410
    assert answer.get_json()["oldest_seq"] == 2
    assert answer.get_json()["code"] == "gone"
    page = world.get(f"/v1/cohorts/{cohort_id}/changes", after=1)
    assert [one["seq"] for one in page["changes"]] == [2]


def test_changes__of_a_cohort_without_any__are_an_empty_list(world: World) -> None:
    world.post("add_members", [])
    page = world.get(f"/v1/cohorts/{world.cohort_id()}/changes")
    assert (page["changes"], page["next_after"], page["deleted"]) == ([], 0, False)


@pytest.mark.parametrize("after", ["-1", "x", "", "1.0", " 1", "+1", "٣", "1_0", str(2**63)])
def test_changes__after_something_else__are_400(world: World, after: str) -> None:
    cohort_id = world.fill(["a"])
    answer = world.call("GET", f"/v1/cohorts/{cohort_id}/changes", query_string={"after": after})
    assert answer.status_code == 400
    assert answer.get_json()["detail"].startswith("after:")


def test_syncs__newest_first__tell_what_came_of_each(world: World) -> None:
    world.post("add_members", ["a", "b", {"no": "id"}, 7], session="s1")
    world.post("remove_members", ["a"], session="s1")
    world.apply()
    world.post("add_members", ["a", "b", {"no": "id"}, 7], session="s1")
    world.clock.tick(minutes=1)
    world.post("members", ["c"], session=None, page=(1, 1))
    cohort_id = world.cohort_id()
    newest, added, removed = world.get(f"/v1/cohorts/{cohort_id}/syncs")["syncs"]
    assert newest == {
        "session_id": None,
        "action": "members",
        "state": "receiving",
        "pages_received": 1,
        "total_pages": 1,
        "members_received": 1,
        "entered": 0,
        "exited": 0,
        "skipped": {},
        "duplicates": 0,
        "started_at": newest["started_at"],
        "completed_at": None,
    }
    assert datetime.datetime.fromisoformat(newest["started_at"]) == world.clock.now
    assert (added["session_id"], added["action"], added["state"]) == (
        "s1",
        "add_members",
        "applied",
    )
    assert added["members_received"] == 4
    assert sum(added["skipped"].values()) == 2
    assert (added["entered"], added["exited"], added["duplicates"]) == (2, 0, 1)
    assert added["completed_at"] is not None
    assert (removed["action"], removed["exited"]) == ("remove_members", 1)


def test_syncs__by_pages__are_each_listed_once(world: World) -> None:
    for number in range(5):
        world.post("add_members", [f"a{number}"], session=f"s{number}")
        world.post("remove_members", ["x"], session=f"s{number}")
    cohort_id = world.cohort_id()
    pages = world.pages(f"/v1/cohorts/{cohort_id}/syncs")
    seen = [(one["session_id"], one["action"]) for page in pages for one in page]
    assert seen == [
        (f"s{number}", action)
        for number in (4, 3, 2, 1, 0)
        for action in ("add_members", "remove_members")
    ]


def test_syncs__overtaken_by_a_completed_refresh__are_superseded(world: World) -> None:
    world.post("members", ["a"], session="old", page=(1, 2))
    world.apply()
    world.post("members", ["b"], session="new")
    world.apply()
    listed = world.get(f"/v1/cohorts/{world.cohort_id()}/syncs")["syncs"]
    assert [(one["session_id"], one["state"]) for one in listed] == [
        ("new", "applied"),
        ("old", "superseded"),
    ]
