"""Calls that wait for changes, and the feed over all cohorts, as services see them."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.flows.cohorts import restored
from gateway.handlers.http import deps
from gateway.waits import NEVER, Waits
from tests.http.world import Answer, World

# So long that a call that waits in vain fails the test.
LONG = 30


def later(world: World, path: str, ending: threading.Event = NEVER, **query: object) -> Any:  # noqa: ANN401 - a future of an answer
    """Ask in another thread, by a client of its own, a process that ends at an event."""
    crew = ThreadPoolExecutor(1)
    caller = World.__new__(World)
    caller.__dict__.update(world.__dict__, http=world.app.test_client())

    def call() -> Answer:
        of_process = {"gateway.ending": ending}
        return caller.call("GET", path, query_string=query, environ_overrides=of_process)

    return crew.submit(call)


def given(world: World) -> deps.Deps:
    found: deps.Deps = world.app.extensions[deps.EXTENSION]
    return found


def taken(world: World) -> None:
    """Wait until a call waits."""
    for _ in range(1000):
        if given(world).waits.waiting:
            return
        time.sleep(0.01)
    pytest.fail("no call waits")


def test_changes__with_wait__answer_as_soon_as_there_is_one(world: World) -> None:
    cohort_id = world.fill(["a"])
    asked = later(world, f"/v1/cohorts/{cohort_id}/changes", after=1, wait=LONG)
    taken(world)
    world.fill(["b"], session="s2")
    page = asked.result(LONG).get_json()
    assert [one["member_id"] for one in page["changes"]] == ["b"]
    assert page["next_after"] == 2


@pytest.mark.parametrize("path", ["/v1/cohorts/{cohort_id}/changes", "/v1/changes"])
def test_changes__waited_for_when_the_process_is_to_end__are_none_at_once(
    world: World, path: str
) -> None:
    cohort_id, ending = world.fill(["a"]), threading.Event()
    path = path.format(cohort_id=cohort_id)
    after = world.get(path)["next_after"]
    asked = later(world, path, ending, after=after, wait=LONG)
    taken(world)
    begun = time.monotonic()
    ending.set()
    answer = asked.result(LONG)
    assert time.monotonic() - begun < 2
    assert (answer.status_code, answer.get_json()["changes"]) == (200, [])
    assert answer.get_json()["next_after"] == after or path == "/v1/changes"
    # What begins to wait while the process ends is not held back either.
    assert later(world, path, ending, after=after, wait=LONG).result(2).status_code == 200


def test_changes__with_wait_for_nothing__are_none_after_that_time(world: World) -> None:
    cohort_id = world.fill(["a"])
    begun = time.monotonic()
    page = world.get(f"/v1/cohorts/{cohort_id}/changes", after=1, wait=1)
    assert (page["changes"], page["next_after"]) == ([], 1)
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(("after", "status"), [(0, 200), (2, 409)])
def test_changes__that_can_be_answered__do_not_wait(world: World, after: int, status: int) -> None:
    path = f"/v1/cohorts/{world.fill(['a'])}/changes"
    begun = time.monotonic()
    answer = world.call("GET", path, query_string={"after": after, "wait": LONG})
    assert answer.status_code == status
    assert world.call("GET", "/v1/cohorts/1/changes?wait=30").status_code == 404
    assert time.monotonic() - begun < LONG


def test_changes__with_as_many_waiting_as_may__answer_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort_id = world.fill(["a"])
    full = Waits(1)
    few = dataclasses.replace(given(world), waits=full)
    monkeypatch.setitem(world.app.extensions, deps.EXTENSION, few)
    begun = time.monotonic()
    with full.turn():
        page = world.get(f"/v1/cohorts/{cohort_id}/changes", after=1, wait=LONG)
        assert world.get("/v1/changes", wait=LONG)["changes"]
        assert world.get("/v1/changes", source="nowhere", wait=LONG)["changes"] == []
    assert page["changes"] == []
    assert time.monotonic() - begun < LONG


@pytest.mark.parametrize("wait", ["31", "-1", "x", "1.5"])
def test_wait__of_something_else__is_400(world: World, wait: str) -> None:
    cohort_id = world.fill(["a"])
    for path in (f"/v1/cohorts/{cohort_id}/changes", "/v1/changes"):
        answer = world.call("GET", path, query_string={"wait": wait})
        assert answer.status_code == 400
        assert answer.get_json()["detail"].startswith("wait:")


def test_feed__of_two_cohorts__names_the_cohort_of_each_change(world: World) -> None:
    first = world.fill(["a"], session="s1")
    second = world.fill(["b"], cohort="2", session="s2")
    page = world.get("/v1/changes")
    assert page["changes"] == [
        {
            "cohort_id": cohort_id,
            "seq": 1,
            "change": "entered",
            "member_id": member_id,
            "at": one["at"],
            "session_id": session_id,
        }
        for one, (cohort_id, member_id, session_id) in zip(
            page["changes"], [(first, "a", "s1"), (second, "b", "s2")], strict=True
        )
    ]
    assert page["epoch"] == world.get(f"/v1/cohorts/{first}")["epoch"]
    end = world.get("/v1/changes", after=page["next_after"])
    assert end["changes"] == []
    assert world.get("/v1/changes", after="") == page


def test_feed__in_small_steps__is_the_same_list(world: World) -> None:
    world.fill([f"p-{number:04}" for number in range(25)])
    world.fill(["a", "b"], cohort="2")
    whole = world.get("/v1/changes", limit=1000)["changes"]
    seen, after = [], ""
    while (page := world.get("/v1/changes", after=after, limit=4))["changes"]:
        seen += page["changes"]
        after = page["next_after"]
    assert seen == whole
    assert len(seen) == 27


def test_feed__with_wait__answers_as_soon_as_there_is_a_change(world: World) -> None:
    after = world.get("/v1/changes")["next_after"]
    asked = later(world, "/v1/changes", after=after, wait=LONG)
    taken(world)
    cohort_id = world.fill(["a"])
    (change,) = asked.result(LONG).get_json()["changes"]
    assert (change["cohort_id"], change["member_id"]) == (cohort_id, "a")


def test_feed__after_a_place_of_another_feed__is_refused(world: World) -> None:
    world.fill(["a"])
    after = world.get("/v1/changes")["next_after"]
    for query in ({"after": after, "source": "default"}, {"after": "x"}):
        answer = world.call("GET", "/v1/changes", query_string=query)
        assert answer.status_code == 400
        assert "cursor" in answer.get_json()["detail"]


def test_feed__of_a_restored_database__is_409_with_the_epoch(world: World) -> None:
    world.fill(["a"])
    after = world.get("/v1/changes")["next_after"]
    restored.begin_epoch(world.pool, now=world.clock())
    answer = world.call("GET", "/v1/changes", query_string={"after": after})
    said = answer.get_json()
    assert (answer.status_code, said["code"]) == (409, "ahead")
    assert said["epoch"] == world.get("/v1/changes")["epoch"]
    assert "last_seq" not in said


def test_waits__of_calls_that_wait__are_given_back() -> None:
    waits = Waits(1)
    for _ in range(2):
        with waits.up_to(5) as seconds:
            assert seconds == 5
            with waits.up_to(5) as second:
                assert second == 0
            with waits.up_to(0) as none:
                assert none == 0
    assert waits.waiting == 0
