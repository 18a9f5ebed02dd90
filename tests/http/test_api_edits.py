"""Members that calls put into lists and take out of them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from gateway.core.access.scopes import Scope
from tests.http.editing import Editing
from tests.http.world import World

ADA = {
    "member_id": "ada",
    "distinct_id": "d",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": None,
    "phone": 491,
    "properties": {"plan": "pro", "n": [1, {"x": "a\tb\\"}]},
    "entered_at": "2020-01-01T00:00:00Z",
}


@pytest.fixture
def lists(world: World) -> Editing:
    return Editing(world)


def test_edit__of_ids__puts_in_and_takes_out_and_counts(lists: Editing) -> None:
    first = lists.edit(["a", "b", 7, "a"])
    assert first.pop("session_id").startswith("edit-")
    assert first == {"entered": 3, "exited": 0, "unchanged": 0, "skipped": {}, "last_seq": 3}
    second = lists.edit(["a", "c"], ["b", "nobody"])
    assert lists.members() == ["7", "a", "c"]
    assert (second["entered"], second["exited"], second["unchanged"]) == (1, 1, 2)
    assert second["last_seq"] == lists.cohort()["last_seq"] == 5
    assert lists.cohort()["member_count"] == 3
    changes = lists.world.get(f"/v1/cohorts/{lists.id}/changes")["changes"]
    assert [(one["change"], one["member_id"]) for one in changes] == [
        ("entered", "7"),
        ("entered", "a"),
        ("entered", "b"),
        ("entered", "c"),
        ("exited", "b"),
    ]
    assert {one["session_id"] for one in changes[3:]} == {second["session_id"]}


def test_edit__of_both_kinds__takes_effect_in_one_transaction(lists: Editing) -> None:
    lists.edit(["a"])
    before = lists.world.get(f"/v1/cohorts/{lists.id}/members")
    lists.edit(["b"], ["a"])
    changes = lists.world.get(f"/v1/cohorts/{lists.id}/changes")["changes"]
    assert len({one["at"] for one in changes[1:]}) == 1
    assert before != lists.world.get(f"/v1/cohorts/{lists.id}/members")


def test_cohort__edited__was_heard_of_then_and_is_never_stale(lists: Editing) -> None:
    lists.world.clock.tick(days=400)
    lists.edit()
    found = lists.cohort()
    assert datetime.datetime.fromisoformat(found["last_synced_at"]) == lists.world.clock()
    lists.world.clock.tick(days=400)
    found = lists.cohort()
    assert (found["stale"], found["fresh_until"], found["refresh"]) == (False, None, None)


def test_edit__of_nothing__changes_nothing(lists: Editing) -> None:
    answer = lists.world.call("POST", f"/v1/cohorts/{lists.id}/members", json={})
    found = answer.get_json()
    assert (found["entered"], found["exited"], found["unchanged"]) == (0, 0, 0)


def test_edit__of_entries_without_a_usable_id__skips_them_by_reason(lists: Editing) -> None:
    add: list[object] = ["", " \t", "x" * 1025, "a\x00", None, True, 1.5, [], {}, {"member_id": ""}]
    add += ["\ud800", {"member_id": None}, " a", "ok"]
    found = lists.edit(add, [None, "", {"member_id": "a"}])
    assert found["skipped"] == {
        "blank_id": 4,
        "too_long": 1,
        "bad_text": 2,
        "missing_id": 4,
        "wrong_type": 4,
    }
    assert (found["entered"], lists.members()) == (2, [" a", "ok"])


def test_member__as_answered__is_taken_back_unchanged(lists: Editing) -> None:
    lists.edit([ADA])
    found = lists.member("ada")
    assert {name: found[name] for name in ADA if name != "entered_at"} == {
        **{name: value for name, value in ADA.items() if name != "entered_at"},
        "phone": "491",
    }
    lists.edit([found])
    assert lists.put("ada", found).get_json() == lists.member("ada") == found


def test_profile__of_a_member__is_left_by_an_id_and_replaced_by_a_member(lists: Editing) -> None:
    lists.edit([ADA, "bob"])
    lists.edit(["ada", {"member_id": "bob", "email": "b"}])
    assert lists.member("ada")["email"] == "ada@example.com"
    assert lists.member("ada")["properties"] == ADA["properties"]
    assert lists.member("bob")["email"] == "b"
    lists.edit([{"member_id": "ada", "first_name": "A"}])
    found = lists.member("ada")
    assert (found["first_name"], found["email"], found["properties"]) == ("A", None, {})
    assert lists.put("ada", {}).get_json()["first_name"] is None


def test_profile__of_an_id_that_comes_back__is_empty(lists: Editing) -> None:
    lists.edit([ADA])
    entered = lists.member("ada")["entered_at"]
    lists.edit([], ["ada"])
    lists.world.clock.tick(seconds=1)
    assert lists.edit(["ada"])["entered"] == 1
    found = lists.member("ada")
    assert (found["email"], found["properties"]) == (None, {})
    assert found["entered_at"] > entered


def test_entries__of_one_id__count_once_and_the_last_is_taken(lists: Editing) -> None:
    found = lists.edit([{"member_id": "a", "email": "1"}, {"member_id": "a", "email": "2"}])
    assert (found["entered"], found["unchanged"]) == (1, 0)
    assert lists.member("a")["email"] == "2"


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"add": ["a", "b"], "remove": ["b"]}, {"remove.0"}),
        ({"add": [{"member_id": 7}], "remove": ["7"]}, {"remove.0"}),
        ({"add": "a", "remove": {}}, {"add", "remove"}),
        ({"add": None}, {"add"}),
        ({"adds": ["a"]}, {"adds"}),
        ({"add": [{"member_id": "a", "plan": "pro"}]}, {"add.0.plan"}),
        (
            {"add": ["a", {"member_id": "b", "email": 1.5, "phone": True, "properties": []}]},
            {"add.1.email", "add.1.phone", "add.1.properties"},
        ),
        ({"add": ["a"] * 6000, "remove": ["b"] * 4001}, {"add"}),
    ],
)
def test_edit__that_cannot_be__is_told_why_and_changes_nothing(
    lists: Editing, body: object, paths: set[str]
) -> None:
    answer = lists.world.call("POST", f"/v1/cohorts/{lists.id}/members", json=body)
    told = answer.get_json()
    assert (told["status"], told["code"]) == (422, "invalid")
    assert {one["path"] for one in told["errors"]} == paths
    assert lists.cohort()["last_seq"] == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"add": ["\xff"]}'])
def test_edit__that_is_no_object__is_malformed(lists: Editing, body: bytes) -> None:
    for method, path in (("POST", ""), ("PUT", "/a")):
        answer = lists.world.call(method, f"/v1/cohorts/{lists.id}/members{path}", data=body)
        assert answer.status_code == 400


def test_edit__of_as_many_as_may_be__is_applied(lists: Editing) -> None:
    add = [{"member_id": f"m{n}", "properties": {"n": n}} for n in range(9000)]
    assert lists.edit(add, [f"x{n}" for n in range(1000)])["entered"] == 9000
    assert lists.cohort()["member_count"] == 9000


def test_put__and_delete__succeed_as_often_as_they_are_sent(lists: Editing) -> None:
    odd = "a/b ../😀%2F\t"
    for _ in range(2):
        answer = lists.put(odd, {"email": "e", "properties": {"x": None}})
        assert answer.status_code == 200, answer.text
        assert answer.get_json() == lists.member(odd)
    assert lists.members() == [odd]
    for _ in range(2):
        answer = lists.drop(odd)
        assert (answer.status_code, answer.data) == (204, b"")
    assert lists.members() == []
    assert lists.cohort()["last_seq"] == 2


@pytest.mark.parametrize(
    ("member_id", "body", "paths"),
    [
        ("a", {"member_id": "b"}, {"member_id"}),
        ("a", {"plan": "pro", "email": []}, {"plan", "email"}),
        (" ", {}, {"member_id"}),
        ("x" * 1025, {}, {"member_id"}),
    ],
)
def test_put__that_cannot_be__is_told_why(
    lists: Editing, member_id: str, body: object, paths: set[str]
) -> None:
    told = lists.put(member_id, body).get_json()
    assert (told["status"], told["code"]) == (422, "invalid")
    assert {one["path"] for one in told["errors"]} == paths


def test_delete__of_what_is_no_id__is_invalid(lists: Editing) -> None:
    assert lists.problem(lists.drop(" ")) == (422, "invalid")


def test_edit__of_what_is_no_list__is_refused(lists: Editing) -> None:
    lists.id = lists.world.fill(["a"])
    for answer in (lists.send(["b"]), lists.put("b", {}), lists.drop("a")):
        assert lists.problem(answer) == (409, "not_a_list")
    assert lists.members() == ["a"]


def test_edit__of_a_paused_source__is_refused_until_it_is_resumed(lists: Editing) -> None:
    lists.edit(["a"], key="k")
    lists.world.call("PATCH", "/v1/sources/lists", json={"paused": True})
    for answer in (lists.send(["b"]), lists.put("b", {}), lists.drop("a")):
        assert lists.problem(answer) == (409, "source_paused")
    assert lists.edit(["a"], key="k")["entered"] == 1, "it was made before"
    lists.world.call("PATCH", "/v1/sources/lists", json={"paused": False})
    lists.edit(["b"])
    assert lists.members() == ["a", "b"]


def test_edit__of_what_is_not_there__is_not_found(lists: Editing) -> None:
    lists.world.call("DELETE", f"/v1/cohorts/{lists.id}")
    for cohort in (lists.id, "999999", "x"):
        lists.id = cohort
        for answer in (lists.send(["b"]), lists.put("b", {}), lists.drop("a")):
            assert lists.problem(answer) == (404, "not_found")


def test_list__restored__is_empty_and_edited_anew(lists: Editing) -> None:
    lists.edit(["a", "b"])
    path = f"/v1/cohorts/{lists.id}"
    lists.world.call("DELETE", path)
    lists.world.call("POST", f"{path}/restore")
    assert lists.members() == []
    found = lists.edit(["a"], ["b"])
    assert (found["entered"], found["unchanged"], found["last_seq"]) == (1, 1, 5)


def test_syncs__of_a_list__do_not_name_edits(lists: Editing) -> None:
    lists.edit(["a"], ["b"])
    assert lists.world.get(f"/v1/cohorts/{lists.id}/syncs")["syncs"] == []


def test_pages__of_edits__go_when_they_are_applied(lists: Editing) -> None:
    lists.edit(["a"], ["b"])
    with lists.world.pool.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM deliveries").scalar_one() == 0


def test_edit__with_a_key_that_may_only_read__is_forbidden(lists: Editing) -> None:
    path = f"/v1/cohorts/{lists.id}/members"
    read, write = Scope.READ, Scope.WRITE
    assert lists.world.call("POST", path, scope=read, json={}).status_code == 403
    assert lists.world.call("POST", path, scope=write, json={}).status_code == 200


def test_erased_member__edited_again__comes_back(lists: Editing) -> None:
    lists.edit([ADA, "bob"])
    assert lists.world.call("DELETE", "/v1/members/ada").status_code == 204
    assert lists.members() == ["bob"]
    lists.edit(["ada"])
    assert lists.members() == ["ada", "bob"]
    assert lists.member("ada")["email"] is None


def test_body__of_an_edit__may_be_gzipped_and_is_too_large_above_16_mebibytes(
    lists: Editing,
) -> None:
    path = f"/v1/cohorts/{lists.id}/members"
    padded: Any = b'{"add": ["a"]' + b" " * (16 * 1024 * 1024 - 14) + b"}"
    assert lists.world.call("POST", path, data=padded).status_code == 200
    answer = lists.world.call("POST", path, data=padded + b" ")
    assert lists.problem(answer) == (413, "too_large")
