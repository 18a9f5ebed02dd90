"""Files are loaded into lists: all or nothing, with a receipt that adds up."""

from __future__ import annotations

import pytest

from gateway.flows.cohorts import load_upkeep
from tests.http import scrape
from tests.http.lists import Lists
from tests.http.world import World

ADA = "id,email,plan\nada,ada@example.com,pro\ngrace,,free\n"


@pytest.fixture
def lists(world: World) -> Lists:
    """Lend a source of lists."""
    return Lists(world)


def test_load__of_a_csv__is_queued_read_and_applied(world: World, lists: Lists) -> None:
    cohort = lists.make()
    answer = lists.send(cohort, ADA)
    assert answer.status_code == 202
    queued = answer.get_json()
    assert answer.headers["Location"] == f"/v1/loads/{queued['id']}"
    assert (queued["state"], queued["progress"], queued["started_at"]) == ("queued", None, None)
    assert queued["session_id"] == f"load-{queued['id']}"
    assert world.members(cohort) == []
    lists.read()
    assert lists.get(queued["id"])["state"] == "applying"
    world.apply()
    done = lists.get(queued["id"])
    assert done["state"] == "applied"
    assert done["rows"] == {
        "read": 2,
        "accepted": 2,
        "duplicate": 0,
        "rejected": 0,
        "reasons": {},
    }
    assert (done["would_enter"], done["would_exit"]) == (2, 0)
    assert (done["entered"], done["exited"], done["last_seq"]) == (2, 0, 2)
    assert done["file"]["columns"] == ["id", "email", "plan"]
    assert done["file"]["mapping"] == {"id": "member_id", "email": "email", "plan": "properties"}
    assert (done["file"]["format"], done["file"]["delimiter"]) == ("csv", ",")
    assert done["requested_by"] == "admin"
    assert world.members(cohort) == ["ada", "grace"]
    ada = world.get(f"/v1/cohorts/{cohort}/members/ada")
    assert (ada["email"], ada["properties"]) == ("ada@example.com", {"plan": "pro"})
    (sync,) = world.get(f"/v1/cohorts/{cohort}/syncs")["syncs"]
    assert (sync["session_id"], sync["state"]) == (done["session_id"], "applied")


def test_load__with_rows_of_every_sort__adds_up_and_lists_what_was_rejected(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    done = lists.load(cohort, "id,note\na,1\n,=cmd\na,2\n  ,x\nb,3,,4\n")
    rows = done["rows"]
    assert rows["read"] == rows["accepted"] + rows["duplicate"] + rows["rejected"] == 5
    assert rows["reasons"] == {"missing_id": 1, "blank_id": 1, "too_many_cells": 1}
    assert (rows["accepted"], rows["duplicate"]) == (1, 1)
    answer = world.call("GET", f"/v1/loads/{done['id']}/rejected.csv")
    assert answer.mimetype == "text/csv"
    assert answer.text == (
        "row,reason,id,note\r\n3,missing_id,,'=cmd\r\n5,blank_id,  ,x\r\n"
        "6,too_many_cells,b,3,,4\r\n"
    )
    sample = world.get(f"/v1/loads/{done['id']}/sample")["rows"]
    assert [row["member_id"] for row in sample] == ["a", "a"]


@pytest.mark.parametrize(
    ("mode", "members", "would"),
    [
        ("replace", ["b", "c"], (1, 1)),
        ("add", ["a", "b", "c"], (None, None)),
        ("remove", ["a"], (None, None)),
    ],
)
def test_load__of_each_mode__does_what_it_says(
    world: World,
    lists: Lists,
    mode: str,
    members: list[str],
    would: tuple[int | None, int | None],
) -> None:
    cohort = lists.make()
    lists.load(cohort, "a\nb\n")
    done = lists.load(cohort, "b\nc\n", mode=mode)
    assert world.members(cohort) == members
    assert (done["would_enter"], done["would_exit"]) == would


def test_load__of_bare_ids__leaves_the_profiles_of_members(world: World, lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, ADA)
    for mode in ("add", "replace"):
        lists.load(cohort, "ada\nnew\n", mode=mode)
        assert world.get(f"/v1/cohorts/{cohort}/members/ada")["email"] == "ada@example.com"
    lists.load(cohort, "id,plan\nada,pro\nnew,pro\n")
    assert world.get(f"/v1/cohorts/{cohort}/members/ada")["email"] is None


def test_load__of_no_table__fails_with_a_code_and_changes_nobody(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    lists.load(cohort, "a\nb\n")
    done = lists.load(cohort, "name,plan\nx,y\n")
    assert (done["state"], done["error"]["code"]) == ("failed", "no_id_column")
    assert done["error"]["hint"]
    assert (done["entered"], done["last_seq"]) == (None, None)
    assert world.members(cohort) == ["a", "b"]


def test_load__that_shrinks_a_large_list__waits_until_it_is_approved(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    many = "\n".join(f"u{n}" for n in range(100))
    lists.load(cohort, many)
    held = lists.load(cohort, "u1\n")
    assert (held["state"], held["approval"]) == ("needs_approval", "shrink")
    assert (held["would_enter"], held["would_exit"]) == (0, 99)
    assert len(world.members(cohort)) == 100
    assert lists.act(held["id"], "approve")["state"] == "applying"
    world.apply()
    assert lists.get(held["id"])["state"] == "applied"
    assert world.members(cohort) == ["u1"]
    assert world.call("POST", f"/v1/loads/{held['id']}/approve").status_code == 409


def test_load__with_review__waits_and_can_be_canceled(world: World, lists: Lists) -> None:
    cohort = lists.make()
    held = lists.load(cohort, "a\n", mode="add", review="true")
    assert (held["state"], held["approval"], held["would_enter"]) == (
        "needs_approval",
        "review",
        1,
    )
    assert lists.act(held["id"], "cancel")["state"] == "canceled"
    world.apply()
    assert world.members(cohort) == []
    answer = world.call("POST", f"/v1/loads/{held['id']}/cancel")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "wrong_state")


def test_load__read_anew__takes_another_mapping(world: World, lists: Lists) -> None:
    cohort = lists.make()
    held = lists.load(cohort, "id,code\na,x\nb,y\n", review="true")
    answer = world.call(
        "PATCH",
        f"/v1/loads/{held['id']}",
        json={"mapping": {"code": "member_id", "id": "properties"}, "mode": "add"},
    )
    assert (answer.status_code, answer.get_json()["state"]) == (200, "queued")
    lists.settle()
    again = lists.get(held["id"])
    assert (again["state"], again["mode"]) == ("needs_approval", "add")
    lists.act(held["id"], "approve")
    world.apply()
    assert world.members(cohort) == ["x", "y"]
    # What was applied is the default for the next file with these columns.
    lists.load(cohort, "id,code\nc,z\n", mode="add")
    assert world.members(cohort) == ["x", "y", "z"]


def test_load__while_another_runs__is_refused_with_its_id(lists: Lists) -> None:
    cohort = lists.make()
    first = lists.queue(cohort, "a\n")
    answer = lists.send(cohort, "b\n")
    assert answer.status_code == 409
    problem = answer.get_json()
    assert (problem["code"], problem["id"]) == ("load_running", first)


def test_load__with_columns_named_for_fields__takes_those(world: World, lists: Lists) -> None:
    cohort, columns = lists.make(), {"member_id": "no", "map.email": "mail", "map.phone": "tel"}
    done = lists.load(cohort, "no;mail;tel;plan\nu1;ada@example.com;+1;pro\n", **columns)
    mapping = {"no": "member_id", "mail": "email", "tel": "phone", "plan": "properties"}
    assert done["file"]["mapping"] == mapping
    (member,) = world.get(f"/v1/cohorts/{cohort}/members")["members"]
    assert (member["email"], member["phone"]) == ("ada@example.com", "+1")


def test_load__that_cannot_be_read__has_no_rejected_rows(world: World, lists: Lists) -> None:
    done = lists.load(lists.make(), "name,plan\nx,y\n")
    answer = world.call("GET", f"/v1/loads/{done['id']}/rejected.csv")
    assert (answer.status_code, answer.data) == (200, b"row,reason\r\n")


def test_load__into_a_cohort_of_another_kind__is_refused(world: World, lists: Lists) -> None:
    cohort = world.fill(["a"])
    answer = lists.send(cohort, "b\n")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "not_a_list")
    assert lists.send("999", "b\n").status_code == 404


def test_load__with_options_that_cannot_be__is_refused_with_all_of_them(lists: Lists) -> None:
    cohort = lists.make()
    answer = lists.send(cohort, "a\n", format="pdf", encoding="klingon")
    assert answer.status_code == 422
    assert {one["path"] for one in answer.get_json()["errors"]} == {"format", "encoding"}
    assert lists.send(cohort, "a\n", colour="red").status_code == 400


def test_upload__in_parts__is_loaded_as_one_file(world: World, lists: Lists) -> None:
    cohort = lists.make()
    upload = world.call("POST", "/v1/uploads", json={"name": "big.csv", "bytes": 12})
    assert upload.status_code == 201
    path = f"/v1/uploads/{upload.get_json()['id']}/parts"
    assert world.call("PUT", f"{path}/2", data=b"\nbb\n").status_code == 204
    missing = lists.send(cohort, b"", upload=upload.get_json()["id"])
    assert (missing.status_code, missing.get_json()["code"]) == (409, "part_missing")
    assert world.call("PUT", f"{path}/1", data=b"member").status_code == 204
    assert world.call("PUT", f"{path}/1", data=b"id\na,1,2"[:8]).status_code == 204
    load_id = lists.queue(cohort, b"", upload=upload.get_json()["id"], format="text")
    lists.settle()
    done = lists.get(load_id)
    assert (done["file"]["name"], done["file"]["bytes"]) == ("big.csv", 12)
    assert done["state"] == "applied"
    assert world.call("PUT", f"{path}/1", data=b"x").status_code == 404


def test_loads__listed__are_newest_first(world: World, lists: Lists) -> None:
    cohort, other = lists.make(), lists.make("other")
    ids = [lists.load(one, "a\n")["id"] for one in (cohort, other, cohort)]
    listed = [one["id"] for page in world.pages("/v1/loads", limit=2) for one in page]
    assert listed == ids[::-1]
    of_cohort = world.get(f"/v1/cohorts/{cohort}/loads")["loads"]
    assert [one["id"] for one in of_cohort] == [ids[2], ids[0]]
    assert world.get("/v1/loads", state="failed")["loads"] == []


def test_metrics__of_loads__tell_what_waits_and_for_how_long(world: World, lists: Lists) -> None:
    lists.queue(lists.make(), "a\n")
    held = lists.make("held")
    lists.load(held, "a\n", review="true")
    lists.queue(held, "b\n")
    world.clock.tick(minutes=5)
    page = scrape.parse(world.http.get("/metrics").text)
    assert page.value("gateway_loads", state="queued") == 1
    assert page.value("gateway_loads", state="needs_approval") == 1
    assert page.value("gateway_oldest_load_seconds") == 300


def test_syncs__of_a_cohort__have_a_row_for_each_load(world: World, lists: Lists) -> None:
    cohort = lists.make()
    path = f"/v1/cohorts/{cohort}/syncs"

    def rows() -> list[tuple[str, str, str, int]]:
        return [
            (one["session_id"], one["action"], one["state"], one["members_received"])
            for one in world.get(path)["syncs"]
        ]

    queued = f"load-{lists.queue(cohort, 'a')}"
    assert rows() == [(queued, "members", "receiving", 0)]
    lists.settle()
    assert rows() == [(queued, "members", "applied", 1)]
    failed = f"load-{lists.load(cohort, b'%PDF-1.7 x')['id']}"
    canceled = lists.load(cohort, "b", review="true", mode="add")["id"]
    lists.act(canceled, "cancel")
    removing = lists.load(cohort, "a", review="true", mode="remove")["id"]
    assert rows() == [
        (f"load-{removing}", "remove_members", "receiving", 1),
        (f"load-{canceled}", "add_members", "superseded", 1),
        (failed, "members", "blocked", 0),
        (queued, "members", "applied", 1),
    ]
    assert [one for part in world.pages(path, limit=1) for one in part] == world.get(path)["syncs"]


def test_syncs__held__are_sent_again_when_a_load_has_gone_on(world: World, lists: Lists) -> None:
    cohort = lists.make()
    path = f"/v1/cohorts/{cohort}/syncs"
    load_id = lists.queue(cohort, "a")
    held = {"If-None-Match": world.call("GET", path).headers["ETag"]}
    assert world.call("GET", path, headers=held).status_code == 304
    lists.act(load_id, "cancel")
    assert world.call("GET", path, headers=held).status_code == 200


def test_syncs__of_a_restored_list__have_no_load_from_before(world: World, lists: Lists) -> None:
    cohort = lists.make()
    lists.queue(cohort, "a")
    assert world.call("DELETE", f"/v1/cohorts/{cohort}").status_code == 204
    assert world.call("POST", f"/v1/cohorts/{cohort}/restore").status_code == 204
    assert world.get(f"/v1/cohorts/{cohort}/syncs")["syncs"] == []


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({"Content-Disposition": 'attachment; filename="vip.csv"'}, "vip.csv"),
        ({"Content-Disposition": "attachment; filename*=UTF-8''caf%C3%A9.csv"}, "café.csv"),
        ({"Content-Disposition": "attachment"}, None),
        ({}, None),
    ],
)
def test_load__of_a_body_with_a_name__tells_it(
    world: World, lists: Lists, sent: dict[str, str], name: str | None
) -> None:
    path = f"/v1/cohorts/{lists.make()}/loads"
    answer = world.call("POST", path, data=b"a", headers=sent)
    assert answer.get_json()["file"]["name"] == name


def test_load__without_those_who_were_erased__warns_of_nothing(world: World, lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, "a\nb")
    assert world.call("DELETE", "/v1/members/a").status_code == 204
    assert lists.load(cohort, "b\nc")["warnings"] == {}
    assert lists.load(cohort, "a\nc")["warnings"] == {"erased_again": 1}


def test_rows_of_a_load__after_an_erasure_in_another_source__stay_as_they_are(
    world: World, lists: Lists
) -> None:
    load_id = lists.load(lists.make(), "a\nb")["id"]
    world.fill(["a"])
    erased = world.call("DELETE", "/v1/members/a", query_string={"source": "default"})
    assert erased.status_code == 204
    world.clock.tick(minutes=2)
    load_upkeep.tend(world.pool, now=world.clock.now)
    rows = world.get(f"/v1/loads/{load_id}/sample")["rows"]
    assert [one["member_id"] for one in rows] == ["a", "b"]
