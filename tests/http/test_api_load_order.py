"""The place of a load in the order of sessions, its guard when it is applied, and erasures."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

from gateway.core.cohorts.load import Mode
from gateway.flows.cohorts import erase, load, load_queue, load_upkeep
from gateway.flows.cohorts.erase import Where
from tests.http.lists import Lists
from tests.http.world import World
from tests.model import rows


@pytest.fixture
def lists(world: World) -> Lists:
    """Lend a source of lists."""
    return Lists(world)


def many(first: int, count: int) -> str:
    """Write a file of so many ids."""
    return "\n".join(f"u{n:04}" for n in range(first, first + count))


def edit(world: World, lists: Lists, cohort: str, mode: Mode, ids: str) -> None:
    """Change members by a session of its own, as an edit does, and apply it."""
    one = load.begin(world.pool, int(cohort), mode, now=world.clock())
    members = rows.of([(member_id, "x") for member_id in ids.split()])
    load.add(world.pool, one, 1, members, now=world.clock())
    load.seal(world.pool, one, wake_ups=lists.bell, now=world.clock())
    world.apply()


def test_load__accepted_before_an_edit__does_not_undo_it(world: World, lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, "a\nb\n")
    load_id = lists.queue(cohort, "b\nc\n")
    edit(world, lists, cohort, Mode.ADD, "new")
    edit(world, lists, cohort, Mode.REMOVE, "c")
    lists.settle()
    assert lists.get(load_id)["state"] == "applied"
    assert world.members(cohort) == ["b", "new"]


def test_load__accepted_before_an_erasure__does_not_bring_the_person_back(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    load_id = lists.queue(cohort, "id,note\nada,x\nb,x\n,about ada\n,ada\n")
    assert world.call("DELETE", "/v1/members/ada").status_code == 204
    lists.settle()
    done = lists.get(load_id)
    assert world.members(cohort) == ["b"]
    assert "erased_again" not in done["warnings"]
    rejected = world.call("GET", f"/v1/loads/{load_id}/rejected.csv").text
    assert rejected.splitlines() == ["row,reason,id,note", "4,missing_id,,about ada"]
    sample = world.get(f"/v1/loads/{load_id}/sample")["rows"]
    assert [row["member_id"] for row in sample] == ["b"]


def test_load__begun_after_an_erasure__brings_the_person_back_and_says_so(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    lists.load(cohort, "ada\nb\n")
    world.call("DELETE", "/v1/members/ada")
    done = lists.load(cohort, "ada\nb\nada\n")
    assert done["warnings"] == {"erased_again": 1}
    assert world.members(cohort) == ["ada", "b"]
    assert lists.load(cohort, "ada\n", mode="remove")["warnings"] == {}


def test_load__without_the_people_that_were_erased__warns_of_nobody(
    world: World, lists: Lists
) -> None:
    cohort, other = lists.make(), lists.make("other")
    kept = lists.load(other, "id,note\nb,x\n,y\n")
    lists.load(cohort, "ada\nb\n")
    world.call("DELETE", f"/v1/members/ada?cohort={cohort}")
    assert lists.load(cohort, "b\n")["warnings"] == {}
    world.clock.tick(minutes=2)
    load_upkeep.tend(world.pool, now=world.clock())
    sample = world.get(f"/v1/loads/{kept['id']}/sample")["rows"]
    assert [row["member_id"] for row in sample] == ["b"]


def test_erasure__of_a_load_that_is_done__takes_rows_out_for_good(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    done = lists.load(cohort, "id,note\nada,x\nb,x\n,ada\n,other\n")
    erase.erase(world.pool, "ada", Where(source="no-such"), now=world.clock())
    erase.erase(world.pool, "ada", Where(source="lists"), now=world.clock())
    rejected = world.call("GET", f"/v1/loads/{done['id']}/rejected.csv").text
    assert rejected.splitlines() == ["row,reason,id,note", "5,missing_id,,other"]
    before = stored(world)
    load_upkeep.tend(world.pool, now=world.clock())
    assert stored(world) == before  # an erasure before it might not be seen yet
    world.clock.tick(minutes=2)
    load_upkeep.tend(world.pool, now=world.clock())
    assert {page: rows < before[page][0] for page, (rows, _) in stored(world).items()} == {
        0: True,
        1: True,
    }
    assert world.call("GET", f"/v1/loads/{done['id']}/rejected.csv").text == rejected


def stored(world: World) -> dict[int, tuple[int, int]]:
    """Tell how many bytes the rows of loads have, by page, and through which erasure."""
    with world.pool.read() as conn:
        found = conn.execute(
            text("SELECT page, octet_length(rows) AS size, clean_through FROM load_rows")
        )
        return {row.page: (row.size, row.clean_through) for row in found}


def test_rows__that_are_damaged__are_passed_over(world: World, lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, "ada\n")
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE load_rows SET rows = 'x'"))
    world.call("DELETE", "/v1/members/ada")
    world.clock.tick(minutes=2)
    load_upkeep.tend(world.pool, now=world.clock())
    assert not load_upkeep.clean(world.pool, now=world.clock())


def test_guard__when_it_is_applied__holds_what_shrinks_by_then(world: World, lists: Lists) -> None:
    cohort = lists.make()
    lists.load(cohort, many(0, 400))
    load_id = lists.queue(cohort, many(0, 240))
    lists.read()
    assert lists.get(load_id)["state"] == "applying"
    one = load.begin(world.pool, int(cohort), Mode.REMOVE, now=world.clock())
    gone = rows.of([(f"u{n:04}", "x") for n in range(200)])
    load.add(world.pool, one, 1, gone, now=world.clock())
    # It is sealed before the load is applied, and stands behind it in the inbox.
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET number = number + 10 WHERE number > 1"))
        conn.execute(text("UPDATE intake_state SET last_delivery = 1"))
    load.seal(world.pool, one, wake_ups=lists.bell, now=world.clock())
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET number = 3 WHERE number = 12"))
        conn.execute(text("UPDATE intake_state SET last_delivery = 3"))
    world.apply()
    held = lists.get(load_id)
    assert (held["state"], held["approval"]) == ("needs_approval", "shrink")
    assert held["would_exit"] == 160
    assert world.get(f"/v1/cohorts/{cohort}")["member_count"] == 200
    syncs = world.get(f"/v1/cohorts/{cohort}/syncs")["syncs"]
    assert [one["state"] for one in syncs] == ["applied", "receiving", "applied"]
    lists.act(load_id, "approve")
    world.apply()
    done = lists.get(load_id)
    assert (done["state"], done["exited"]) == ("applied", 160)
    assert world.get(f"/v1/cohorts/{cohort}")["member_count"] == 40
    assert len(world.get(f"/v1/cohorts/{cohort}/syncs")["syncs"]) == 3


@pytest.mark.parametrize(
    ("members", "kept", "state"),
    [(99, 1, "applied"), (100, 50, "applied"), (100, 49, "needs_approval"), (1, 0, None)],
)
def test_guard__when_it_is_read__holds_more_than_its_share(
    lists: Lists, members: int, kept: int, state: str | None
) -> None:
    cohort = lists.make()
    lists.load(cohort, many(0, members))
    done = lists.load(cohort, many(0, kept))
    assert done["state"] == (state or "needs_approval")
    assert done["rows"]["read"] == kept


def test_guard__that_is_off__lets_everything_pass(world: World, lists: Lists) -> None:
    cohort = lists.make(guard=None)
    lists.load(cohort, many(0, 200))
    assert lists.load(cohort, "")["state"] == "applied"
    assert world.members(cohort) == []
    assert lists.load(lists.make("empty"), "")["state"] == "applied"


def test_review__approved__does_not_waive_a_shrink_that_is_found_then(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    lists.load(cohort, many(0, 400))
    held = lists.load(cohort, many(0, 240), review="true")
    assert held["approval"] == "review"
    one = load.begin(world.pool, int(cohort), Mode.REMOVE, now=world.clock())
    gone = rows.of([(f"u{n:04}", "x") for n in range(200)])
    load.add(world.pool, one, 1, gone, now=world.clock())
    load.seal(world.pool, one, wake_ups=lists.bell, now=world.clock())
    with world.pool.begin() as conn:  # an edit supersedes nothing; this one is no load
        conn.execute(text("DELETE FROM loads WHERE number = :n"), {"n": 0})
        conn.execute(text("UPDATE loads SET number = -number WHERE number = :n"), {"n": one.number})
        conn.execute(text("UPDATE deliveries SET load = -load WHERE load = :n"), {"n": one.number})
    world.apply()
    assert lists.get(held["id"])["state"] == "needs_approval"
    lists.act(held["id"], "approve")
    world.apply()
    again = lists.get(held["id"])
    assert (again["state"], again["approval"]) == ("needs_approval", "shrink")


def test_load__that_waits__is_superseded_by_a_newer_one_that_is_applied(
    world: World, lists: Lists
) -> None:
    cohort = lists.make()
    held = lists.load(cohort, "a\nb\n", review="true")
    newer = lists.load(cohort, "c\n", mode="add")
    assert newer["state"] == "applied"
    old = lists.get(held["id"])
    assert (old["state"], old["entered"]) == ("superseded", None)
    assert old["finished_at"] is not None
    assert world.members(cohort) == ["c"]
    assert world.call("POST", f"/v1/loads/{held['id']}/approve").status_code == 409


def test_load__that_waits_too_long__expires(world: World, lists: Lists) -> None:
    cohort = lists.make()
    held = lists.load(cohort, "a\n", review="true")
    world.clock.tick(days=6, hours=23)
    load_upkeep.tend(world.pool, now=world.clock())
    assert lists.get(held["id"])["state"] == "needs_approval"
    world.clock.tick(hours=2)
    load_queue.expire(world.pool, now=world.clock())
    done = lists.get(held["id"])
    assert (done["state"], done["error"]["code"]) == ("canceled", "expired")


def test_cohort__of_lists__shows_its_last_load(world: World, lists: Lists) -> None:
    cohort = lists.make()
    assert world.get(f"/v1/cohorts/{cohort}")["last_load"] is None
    lists.load(cohort, "a\n")
    done = lists.load(cohort, "name,plan\nx,y\n")
    assert world.get(f"/v1/cohorts/{cohort}")["last_load"] == {
        "id": done["id"],
        "state": "failed",
        "finished_at": done["finished_at"],
        "error": done["error"],
    }


def test_upload__that_no_load_takes__goes_after_a_day(world: World) -> None:
    upload = world.call("POST", "/v1/uploads", json={}).get_json()
    assert datetime.datetime.fromisoformat(upload["expires_at"]) == (
        world.clock() + datetime.timedelta(hours=24)
    )
    path = f"/v1/uploads/{upload['id']}/parts/1"
    assert world.call("PUT", path, data=b"x").status_code == 204
    world.clock.tick(hours=24)
    assert world.call("PUT", path, data=b"x").status_code == 404
    load_upkeep.tend(world.pool, now=world.clock())
    with world.pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM upload_pieces")).scalar_one() == 0
