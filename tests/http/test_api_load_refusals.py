"""What calls about loads and uploads refuse, and how long they wait."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts import load_queue
from gateway.flows.cohorts.load_queue import File, Wanted
from gateway.handlers.http import deps
from tests.http.lists import Lists
from tests.http.world import Answer, World


@pytest.fixture
def lists(world: World) -> Lists:
    """Lend a source of lists."""
    return Lists(world)


def refused(answer: Answer) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return answer.status_code, answer.get_json()["code"]


def begin(world: World, **sent: object) -> str:
    """Begin an upload, and return the path of its parts."""
    answer = world.call("POST", "/v1/uploads", json=sent)
    assert answer.status_code == 201, answer.text
    return f"/v1/uploads/{answer.get_json()['id']}/parts"


def test_load__of_a_paused_source__is_refused(world: World, lists: Lists) -> None:
    cohort = lists.make()
    assert world.call("PATCH", "/v1/sources/lists", json={"paused": True}).status_code == 200
    assert refused(lists.send(cohort, "a\n")) == (409, "source_paused")


def test_load__of_a_body_and_an_upload__is_refused(world: World, lists: Lists) -> None:
    upload = begin(world).split("/")[3]
    assert refused(lists.send(lists.make(), "a\n", upload=upload)) == (422, "invalid")


def test_load__of_no_upload_or_a_taken_one__is_refused(world: World, lists: Lists) -> None:
    cohort, other, path = lists.make(), lists.make("other"), begin(world)
    assert refused(lists.send(cohort, b"", upload="0f")) == (404, "not_found")
    upload = path.split("/")[3]
    assert refused(lists.send(cohort, b"", upload=upload)) == (409, "part_missing")
    assert world.call("PUT", f"{path}/1", data=b"a\n").status_code == 204
    lists.queue(cohort, b"", upload=upload)
    assert refused(lists.send(other, b"", upload=upload)) == (409, "upload_taken")
    assert refused(world.call("PUT", f"{path}/2", data=b"b\n")) == (409, "upload_taken")


def test_load__of_an_upload_that_was_cut__is_refused(world: World, lists: Lists) -> None:
    path = begin(world, bytes=9)
    assert world.call("PUT", f"{path}/1", data=b"a\n").status_code == 204
    answer = lists.send(lists.make(), b"", upload=path.split("/")[3])
    assert refused(answer) == (409, "part_missing")
    assert "2 bytes" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("part", "status"), [("0", 422), ("10001", 422), ("x", 422), ("10000", 204)]
)
def test_part__of_a_number_that_may_not_be__is_refused(
    world: World, part: str, status: int
) -> None:
    assert world.call("PUT", f"{begin(world)}/{part}", data=b"a").status_code == status


def test_upload__of_too_much__is_refused(world: World) -> None:
    assert refused(world.call("POST", "/v1/uploads", json={"bytes": 513 << 20})) == (
        413,
        "too_large",
    )
    path = begin(world)
    with world.pool.begin() as conn:
        conn.execute(text("INSERT INTO upload_parts SELECT id, 1, 512 << 20 FROM uploads"))
    assert refused(world.call("PUT", f"{path}/2", data=b"a")) == (413, "too_large")
    assert refused(world.call("PUT", f"{path}/2", data=b"a" * (16 << 20) + b"a")) == (
        413,
        "too_large",
    )
    assert world.call("PUT", f"{path}/1", data=b"a").status_code == 204
    assert world.call("PUT", "/v1/uploads/nothing/parts/1", data=b"a").status_code == 404


def test_file__that_is_refused_once_it_is_stored__is_not_kept(world: World, lists: Lists) -> None:
    cohort = int(lists.make())
    with pytest.raises(errors.TooLarge):
        load_queue.accept_file(
            world.pool,
            cohort,
            File(data=b"ab"),
            Wanted(),
            max_bytes=1,
            wake_ups=lists.bell,
            now=world.clock(),
        )
    with world.pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM uploads")).scalar_one() == 0


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"mapping": {"nothing": "member_id"}}, "mapping.nothing"),
        ({"mapping": {"id": "colour"}}, "mapping.id"),
        ({"mapping": {"id": 1}}, "mapping.id"),
        ({"encoding": "klingon"}, "encoding"),
        ({"delimiter": "x"}, "delimiter"),
        ({"mode": "upsert"}, "mode"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_change__that_cannot_be__is_refused_by_its_place(
    world: World, lists: Lists, changes: dict[str, object], path: str
) -> None:
    held = lists.load(lists.make(), "id,plan\na,x\n", review="true")
    answer = world.call("PATCH", f"/v1/loads/{held['id']}", json=changes)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.get_json()["errors"]] == [path]
    assert lists.get(held["id"])["state"] == "needs_approval"


def test_change__of_delimiter_and_encoding__reads_the_file_so(world: World, lists: Lists) -> None:
    cohort = lists.make()
    raw = "id;plan\na;é,x\n".encode("cp1252")
    held = lists.load(cohort, raw, review="true", delimiter=",")
    assert held["state"] == "failed"
    held = lists.load(cohort, raw, review="true", encoding="windows-1252")
    sent = {"encoding": "windows-1252", "delimiter": ";"}
    assert world.call("PATCH", f"/v1/loads/{held['id']}", json=sent).status_code == 200
    lists.settle()
    assert lists.get(held["id"])["file"]["delimiter"] == ";"


def test_change__of_a_load_without_a_file_or_beside_another__is_refused(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    held = lists.load(cohort, "a\n", review="true")
    path = f"/v1/loads/{held['id']}"
    lists.queue(cohort, "b\n")
    assert refused(world.call("PATCH", path, json={"mode": "add"})) == (409, "load_running")
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE loads SET upload = NULL WHERE state = 'needs_approval'"))
    assert refused(world.call("PATCH", path, json={"mode": "add"})) == (409, "wrong_state")


@pytest.mark.parametrize("load_id", ["1-1", "x", "1", "1-x"])
def test_load__that_is_not_there__is_404_by_every_call(world: World, load_id: str) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/sample"),
        ("GET", "/rejected.csv"),
        ("PATCH", ""),
        ("POST", "/approve"),
        ("POST", "/cancel"),
    ):
        answer = world.call(method, f"/v1/loads/{load_id}{path}", json={})
        assert answer.status_code == 404, (method, path)


def test_load__that_has_gone_on__does_not_expire(world: World, lists: Lists) -> None:
    held = lists.load(lists.make(), "a\n", review="true")
    cohort_id, _, number = held["id"].partition("-")
    lists.act(held["id"], "cancel")
    now = world.clock()
    assert not load_queue.expire_one(world.pool, int(cohort_id), int(number), now=now)


def test_wait__until_the_state_changes__answers_then(world: World, lists: Lists) -> None:
    load_id = lists.queue(lists.make(), "a\n")
    reading = threading.Timer(0.5, lists.read)
    reading.start()
    began = time.monotonic()
    found = world.get(f"/v1/loads/{load_id}", wait=20)
    assert found["state"] in {"reading", "applying"}
    assert time.monotonic() - began < 15
    reading.join()


def test_wait__when_the_process_is_to_end__ends_with_the_state_as_it_is(
    world: World, lists: Lists
) -> None:
    load_id, ending = lists.queue(lists.make(), "a\n"), threading.Event()
    ending.set()
    began = time.monotonic()
    of_process = {"gateway.ending": ending}
    answer = world.call("GET", f"/v1/loads/{load_id}?wait=20", environ_overrides=of_process)
    assert (answer.status_code, answer.get_json()["state"]) == (200, "queued")
    assert time.monotonic() - began < 10


def test_wait__without_a_change_or_a_place__ends(world: World, lists: Lists) -> None:
    load_id = lists.queue(lists.make(), "a\n")
    began = time.monotonic()
    assert world.get(f"/v1/loads/{load_id}", wait=1)["state"] == "queued"
    assert time.monotonic() - began >= 1
    waits = world.app.extensions[deps.EXTENSION].waits
    taken = [waits.take() for _ in range(100)]
    began = time.monotonic()
    try:
        assert world.get(f"/v1/loads/{load_id}", wait=20)["state"] == "queued"
    finally:
        for _ in filter(None, taken):
            waits.give_back()
    assert time.monotonic() - began < 10
    assert world.call("GET", f"/v1/loads/{load_id}?wait=21").status_code == 400
