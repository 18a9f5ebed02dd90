"""Edits with an Idempotency-Key: made once, however often they are sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.core.access.scopes import Scope
from tests.http.editing import Editing
from tests.http.world import World


@pytest.fixture
def lists(world: World) -> Editing:
    return Editing(world)


def test_edit__sent_again__answers_as_it_is_now_and_changes_nothing(lists: Editing) -> None:
    first = lists.edit(["a", ""], ["x"], key="k")
    lists.edit([], ["a"])
    again = lists.edit(["a", ""], ["x"], key="k")
    assert again == first | {"last_seq": 2}
    assert lists.members() == []


def test_key__with_another_body__is_reused(lists: Editing) -> None:
    lists.edit(["a"], key="k")
    answer = lists.send(["b"], key="k")
    assert lists.problem(answer) == (422, "key_reused")
    assert answer.get_json()["errors"][0]["path"] == "Idempotency-Key"
    assert lists.members() == ["a"]


def test_key__at_another_path_or_by_another_api_key__is_another(lists: Editing) -> None:
    other = lists.create("others")
    lists.edit(["a"], key="k")
    lists.edit(["b"], key="k", cohort=other)
    assert lists.members(other) == ["b"]
    assert lists.put("c", {}, key="k").status_code == 200
    assert lists.put("d", {}, key="k").status_code == 200
    assert lists.drop("c", key="k").status_code == 204
    path, body = f"/v1/cohorts/{lists.id}/members", {"add": ["e"], "remove": []}
    answer = lists.world.call(
        "POST", path, scope=Scope.WRITE, json=body, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 200
    assert lists.members() == ["a", "d", "e"]


def test_put_and_delete__sent_again__change_nothing(lists: Editing) -> None:
    assert lists.put("a", {"email": "1"}, key="k").get_json()["email"] == "1"
    lists.put("a", {"email": "2"})
    assert lists.put("a", {"email": "1"}, key="k").get_json()["email"] == "2", "as it is now"
    assert lists.drop("a", key="k").status_code == 204
    assert lists.put("a", {"email": "1"}, key="k").status_code == 404, "as it is now"
    lists.put("a", {})
    assert lists.drop("a", key="k").status_code == 204
    assert lists.members() == ["a"]


def test_key__of_what_was_refused__is_not_remembered(lists: Editing) -> None:
    assert lists.send(["a"], ["a"], key="k").status_code == 422
    lists.world.call("PATCH", "/v1/sources/lists", json={"paused": True})
    assert lists.send(["a"], key="k").status_code == 409
    lists.world.call("PATCH", "/v1/sources/lists", json={"paused": False})
    lists.edit(["b"], key="k")
    assert lists.members() == ["b"]


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_key__too_short_or_too_long__is_malformed(lists: Editing, key: str) -> None:
    answer = lists.send(["a"], key=key)
    assert lists.problem(answer) == (400, "malformed")
    assert lists.edit(["a"], key="x" * 255)["entered"] == 1


def test_edit__sent_by_many_at_once__is_made_once(lists: Editing) -> None:
    def ask(_: int) -> tuple[int, object]:
        answer = lists.world.app.test_client().post(
            f"/v1/cohorts/{lists.id}/members",
            json={"add": ["a", "b"]},
            headers={"Authorization": "Bearer key-write", "Idempotency-Key": "k"},
        )
        return answer.status_code, answer.get_json()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert [status for status, _ in answers] == [200] * 8
    assert all(told == answers[0][1] for _, told in answers)
    assert lists.cohort()["last_seq"] == 2


def test_edits__by_many_at_once__are_all_made(lists: Editing) -> None:
    def ask(number: int) -> int:
        answer = lists.world.app.test_client().post(
            f"/v1/cohorts/{lists.id}/members",
            json={"add": [f"m{number}", "all"], "remove": [f"m{number - 1}"]},
            headers={"Authorization": "Bearer key-write"},
        )
        return answer.status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(ask, range(24)))
    assert set(statuses) <= {200, 202}
    lists.world.apply()
    changes = lists.world.changes(lists.id)
    assert [seq for seq, _, _ in changes] == [*range(1, len(changes) + 1)]
    assert sum(1 if kind == "entered" else -1 for _, kind, _ in changes) == len(lists.members())
    assert "all" in lists.members()
