"""What an admin takes away: cohorts, which may come back, and people, who do not."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from gateway.core.cohorts import member_rows
from gateway.store.cohorts import inbox
from tests.http.test_api_deliveries import block
from tests.http.world import PROJECT, World, quoted


def webhook(world: World, cohort: str = "1") -> int:
    """Send an empty page and return the answer's status."""
    described = {
        "mixpanel_project_id": PROJECT,
        "mixpanel_cohort_id": cohort,
        "mixpanel_session_id": "later",
        "members": [],
    }
    body = json.dumps({"action": "add_members", "parameters": described})
    return world.http.post("/webhooks/mixpanel/default", data=body).status_code


def test_delete__of_a_cohort__takes_it_out_of_sight(world: World) -> None:
    cohort_id = world.fill(["a", "b"])
    other = world.fill(["a"], cohort="2")
    block(world)
    world.post("members", ["c"], session="s2", page=(1, 2))
    assert world.call("DELETE", f"/v1/cohorts/{cohort_id}").status_code == 204
    for path in ("", "/members", "/members/a", "/syncs"):
        assert world.call("GET", f"/v1/cohorts/{cohort_id}{path}").status_code == 404
    assert [one["id"] for one in world.get("/v1/cohorts")["cohorts"]] == [other]
    assert [one["id"] for one in world.get("/v1/members/a/cohorts")["cohorts"]] == [other]
    body = {"cohort_ids": [cohort_id, other], "member_ids": ["a"]}
    checked = world.call("POST", "/v1/membership/check", json=body).get_json()
    assert checked == {
        "memberships": {cohort_id: [], other: ["a"]},
        "stale": {other: False},
        "unknown_cohorts": [cohort_id],
    }
    assert webhook(world) == 404
    assert webhook(world, "2") == 200
    world.apply()
    status = world.get("/v1/status")
    assert (status["pending_deliveries"], status["blocked_deliveries"]) == (0, 0)
    assert world.get("/v1/deliveries")["deliveries"] == []
    assert world.call("DELETE", f"/v1/cohorts/{cohort_id}").status_code == 404


def test_delete__of_a_cohort__leaves_its_changes_to_be_read(world: World) -> None:
    path = f"/v1/cohorts/{world.fill(['a', 'b'])}"
    before = world.call("GET", f"{path}/changes")
    assert before.get_json()["deleted"] is False
    assert world.call("DELETE", path).status_code == 204
    held = {"If-None-Match": before.headers["ETag"]}
    after = world.call("GET", f"{path}/changes", headers=held)
    told = after.get_json()
    assert (after.status_code, told["deleted"], told["next_after"]) == (200, True, 4)
    assert [(one["seq"], one["change"], one["member_id"]) for one in told["changes"]] == [
        (1, "entered", "a"),
        (2, "entered", "b"),
        (3, "exited", "a"),
        (4, "exited", "b"),
    ]
    held = {"If-None-Match": after.headers["ETag"]}
    assert world.call("GET", f"{path}/changes", headers=held).status_code == 304
    rest = world.get(f"{path}/changes", after=4)
    assert (rest["changes"], rest["deleted"]) == ([], True)
    assert world.call("GET", f"{path}/changes?after=5").status_code == 409
    assert world.call("POST", f"{path}/restore").status_code == 204
    assert world.call("GET", f"{path}/changes", headers=held).get_json()["deleted"] is False


def test_restore__of_a_cohort__is_empty_and_its_seq_goes_on(world: World) -> None:
    cohort_id = world.fill(["a", "b"], session="s1")
    world.post("add_members", ["pending"], session="s2")
    world.call("DELETE", f"/v1/cohorts/{cohort_id}")
    assert world.call("POST", f"/v1/cohorts/{cohort_id}/restore").status_code == 204
    restored = world.get(f"/v1/cohorts/{cohort_id}")
    assert (restored["member_count"], restored["last_seq"], restored["refresh"]) == (0, 4, None)
    assert world.members(cohort_id) == []
    assert world.get(f"/v1/cohorts/{cohort_id}/syncs")["syncs"] == []
    # The same session and page again: its sessions were forgotten, so this is no replay.
    assert world.fill(["b", "c"], session="s1") == cohort_id
    assert world.members(cohort_id) == ["b", "c"]
    assert world.changes(cohort_id) == [
        (1, "entered", "a"),
        (2, "entered", "b"),
        (3, "exited", "a"),
        (4, "exited", "b"),
        (5, "entered", "b"),
        (6, "entered", "c"),
    ]
    assert world.call("POST", f"/v1/cohorts/{cohort_id}/restore").status_code == 204
    assert world.members(cohort_id) == ["b", "c"]


def test_restore__then_a_refresh__completes(world: World) -> None:
    cohort_id = world.fill(["a"], session="s1")
    world.post("members", ["z"], session="s2")
    world.apply()
    world.call("DELETE", f"/v1/cohorts/{cohort_id}")
    world.call("POST", f"/v1/cohorts/{cohort_id}/restore")
    world.post("members", ["b"], session="s2", page=(1, 2))
    world.apply()
    assert world.get(f"/v1/cohorts/{cohort_id}")["refresh"]["pages_received"] == 1
    world.post("members", ["c"], session="s2", page=(2, 2))
    world.apply()
    assert world.members(cohort_id) == ["b", "c"]
    assert world.get(f"/v1/cohorts/{cohort_id}")["refresh"] is None


@pytest.mark.parametrize("cohort_id", ["999", "x", "0", "9" * 30])
def test_restore_and_delete__of_no_cohort__are_404(world: World, cohort_id: str) -> None:
    assert world.call("POST", f"/v1/cohorts/{cohort_id}/restore").status_code == 404
    assert world.call("DELETE", f"/v1/cohorts/{cohort_id}").status_code == 404


@pytest.mark.parametrize("member_id", ["ann", "a/b", "..", "tab\t\\n\nx", "😀", "\\N"])
def test_erase__of_somebody__leaves_no_trace_of_them(world: World, member_id: str) -> None:
    person = {"mixpanel_distinct_id": member_id, "email": "ann@example.com"}
    first = world.fill([person, "b"], cohort="1", session="s1")
    second = world.fill(["c", person], cohort="2", session="s2")
    world.post("remove_members", [member_id], cohort="2", session="s3")
    world.apply()
    world.post("members", [person, "d"], cohort="3", session="s4", page=(1, 2))
    assert world.call("DELETE", f"/v1/members/{quoted(member_id)}").status_code == 204
    world.apply()
    assert world.get(f"/v1/members/{quoted(member_id)}/cohorts")["cohorts"] == []
    assert world.members(first) == ["b"]
    assert world.get(f"/v1/cohorts/{first}")["member_count"] == 1
    changes = world.changes(first)
    assert [seq for seq, _, _ in changes] == [1, 2, 3]
    assert sorted(kind for _, kind, who in changes if who is None) == ["entered", "exited"]
    assert world.changes(second)[-1] == (3, "exited", None)
    assert world.members(world.cohort_id("3")) == ["d"]
    assert kept_about(world, member_id) == []


def kept_about(world: World, member_id: str) -> list[str]:
    """Name every table that still holds somebody's id or address, packed pages included."""
    parameters = {"member_id": member_id}
    with world.pool.read() as conn:
        found = [
            name
            for name, statement in KEPT.items()
            if conn.execute(text(statement), parameters).scalar_one()
        ]
        packed = conn.execute(text("SELECT roster FROM deliveries")).scalars().all()
    rosters = [inbox.unpack(bytes(one)) for one in packed]
    named = any(member_id in member_rows.member_ids(one) for one in rosters)
    if named or any(ADDRESS in one.decode() for one in rosters):
        found.append("deliveries")
    return found


def test_erase__of_somebody__outlasts_replays_and_rests_of_old_sessions(world: World) -> None:
    first = world.fill(["ann", "b"], cohort="1", session="s1")
    world.post("members", ["ann", "b"], cohort="1", session="r", page=(1, 2))
    world.apply()
    world.call("DELETE", "/v1/members/ann")
    world.post("add_members", ["ann", "b"], cohort="1", session="s1")
    world.post("add_members", ["ann", "other content"], cohort="1", session="s1")
    world.post("members", ["ann", "c"], cohort="1", session="r", page=(2, 2))
    # A cohort that is new here, of an export that had begun elsewhere before.
    world.post("add_members", ["ann", "b"], cohort="9", session="s1")
    world.apply()
    assert world.members(first) == ["b", "c"]
    assert world.members(world.cohort_id("9")) == ["b"]
    assert kept_about(world, "ann") == []


def test_erase__then_a_later_session__may_bring_them_back(world: World) -> None:
    cohort_id = world.fill(["ann"], session="s1")
    world.call("DELETE", "/v1/members/ann")
    world.fill(["ann"], session="s2")
    assert world.members(cohort_id) == ["ann"]
    assert world.changes(cohort_id) == [
        (1, "entered", None),
        (2, "exited", None),
        (3, "entered", "ann"),
    ]
    world.call("DELETE", "/v1/members/ann")
    assert world.changes(cohort_id)[2:] == [(3, "entered", None), (4, "exited", None)]


def test_erase__filters__narrow_it(world: World) -> None:
    world.add_source("other")
    cohorts = {
        (source, project): world.fill(
            ["ann"],
            cohort=f"{source}-{project}",
            session=f"{source}-{project}",
            source=source,
            mixpanel_project_id=project,
        )
        for source in ("default", "other")
        for project in ("7", "8")
    }

    def left() -> set[tuple[str, str]]:
        found = {one["id"] for one in world.get("/v1/members/ann/cohorts")["cohorts"]}
        return {where for where, cohort_id in cohorts.items() if cohort_id in found}

    for nothing in ("source=none", "project_id=9", "source=other&project_id=9"):
        assert world.call("DELETE", f"/v1/members/ann?{nothing}").status_code == 204
        assert left() == set(cohorts)
    world.call("DELETE", "/v1/members/ann?source=other&project_id=8")
    assert left() == {("default", "7"), ("default", "8"), ("other", "7")}
    world.call("DELETE", "/v1/members/ann?project_id=7")
    assert left() == {("default", "8")}
    # An old session of another project than the erasure's is none of its business.
    world.post("add_members", ["ann", "b"], cohort="new", session="default-8")
    world.apply()
    assert world.members(cohorts["default", "8"]) == ["ann"]
    world.call("DELETE", "/v1/members/ann?source=default")
    assert left() == set()


def test_erase__of_somebody_in_a_deleted_cohort__covers_it(world: World) -> None:
    cohort_id = world.fill(["ann", "b"], session="s1")
    world.call("DELETE", f"/v1/cohorts/{cohort_id}")
    world.call("DELETE", "/v1/members/ann")
    world.call("POST", f"/v1/cohorts/{cohort_id}/restore")
    assert [who for _, _, who in world.changes(cohort_id)] == [None, "b", None, "b"]
    world.post("add_members", ["ann", "c"], session="s1")
    world.apply()
    assert world.members(cohort_id) == ["c"]
    assert kept_about(world, "ann") == []


def test_erase__of_somebody_on_a_blocked_page__covers_it(world: World) -> None:
    world.post("add_members", ["ann", "b"], session="bad")
    with world.pool.begin() as conn:
        whole = conn.execute(text("SELECT roster FROM deliveries")).scalar_one()
        conn.execute(text("UPDATE deliveries SET roster = 'damaged'"))
    world.apply()
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = :roster"), {"roster": whole})
    world.call("DELETE", "/v1/members/ann")
    assert kept_about(world, "ann") == []
    (blocked,) = world.get("/v1/deliveries", state="blocked")["deliveries"]
    world.call("POST", f"/v1/deliveries/{blocked['id']}/retry")
    world.apply()
    assert world.members(blocked["cohort_id"]) == ["b"]


def test_erase__of_a_stranger_or_twice__is_204_and_changes_nothing(world: World) -> None:
    cohort_id = world.fill(["ann", "b"])
    for _ in range(2):
        assert world.call("DELETE", "/v1/members/stranger").status_code == 204
    assert world.members(cohort_id) == ["ann", "b"]
    for _ in range(2):
        assert world.call("DELETE", "/v1/members/ann").status_code == 204
    assert len(world.changes(cohort_id)) == 3


def test_erase__of_somebody_whose_session_is_forgotten__covers_them(world: World) -> None:
    cohort_id = world.fill(["ann", "b"])
    with world.pool.begin() as conn:
        conn.execute(text("DELETE FROM sessions"))
    world.call("DELETE", "/v1/members/ann")
    assert kept_about(world, "ann") == []
    assert world.members(cohort_id) == ["b"]
    assert len(world.get(f"/v1/cohorts/{cohort_id}/syncs")["syncs"]) == 1


def test_erase__of_somebody_a_session_took_out__forgets_that_too(world: World) -> None:
    cohort_id = world.fill(["b"], session="s1")
    world.post("remove_members", ["ann"], session="s2")
    world.apply()
    world.call("DELETE", "/v1/members/ann")
    assert kept_about(world, "ann") == []
    assert len(world.changes(cohort_id)) == 1


def test_erase__with_a_page_that_cannot_be_read__still_covers_the_rest(world: World) -> None:
    world.post("add_members", ["ann"], session="s1")
    world.post("add_members", ["ann", "b"], session="s2")
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = 'damaged' WHERE number = 1"))
    assert world.call("DELETE", "/v1/members/ann").status_code == 204
    with world.pool.begin() as conn:
        conn.execute(text("DELETE FROM deliveries WHERE number = 1"))
    assert kept_about(world, "ann") == []


ADDRESS = "ann@example.com"

KEPT = {
    "memberships": "SELECT count(*) FROM memberships WHERE member_id = :member_id",
    "changes": "SELECT count(*) FROM changes WHERE :member_id = ANY(member_ids)",
}
