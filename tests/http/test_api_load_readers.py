"""Readers of loads: that stop, die, lose their lease, or find the load gone under their hands."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.store.db import leases
from tests.http.lists import Lists
from tests.http.world import World

ROWS = "\n".join(f"u{n}" for n in range(20_000))


@pytest.fixture
def lists(world: World) -> Lists:
    """Lend a source of lists."""
    return Lists(world)


@pytest.fixture
def cohort(lists: Lists) -> str:
    """Make a list of one."""
    made = lists.make()
    lists.load(made, "before\n")
    return made


def at(count: int, act: Callable[[], object]) -> Callable[[], bool]:
    """Do something when a reader asks for the so-many-th time whether it is to stop."""
    asked = itertools.count(1)

    def ask() -> bool:
        return next(asked) == count and act() is True

    return ask


def expire(world: World) -> None:
    """Let the leases of all readers run out."""
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE leases SET leased_until = now() - interval '1 s'"))


def count(world: World, table: str) -> int:
    """Count the rows of a table."""
    with world.pool.read() as conn:
        return int(conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_reader__told_to_stop__gives_the_load_back_to_the_next(
    world: World, lists: Lists, cohort: str, step: int
) -> None:
    load_id = lists.queue(cohort, ROWS)
    assert not lists.reader(stopping=at(step, lambda: True)).read_next()
    assert lists.get(load_id)["state"] == "reading"
    assert world.members(cohort) == ["before"]
    lists.settle()
    done = lists.get(load_id)
    assert (done["state"], done["rows"]["accepted"]) == ("applied", 20_000)
    assert world.get(f"/v1/cohorts/{cohort}")["member_count"] == 20_000


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_reader__taken_for_dead__can_change_nothing_more(
    world: World, lists: Lists, cohort: str, step: int
) -> None:
    load_id = lists.queue(cohort, ROWS)

    def take_over() -> None:
        expire(world)
        assert lists.reader("second").read_next()

    assert lists.reader("first", stopping=at(step, take_over)).read_next()
    world.apply()
    done = lists.get(load_id)
    assert (done["state"], done["rows"]["read"], done["entered"]) == ("applied", 20_000, 20_000)
    assert len(world.changes(cohort)) == 1000  # the first part of them
    assert world.get(f"/v1/cohorts/{cohort}")["last_seq"] == 20_002
    assert count(world, "leases") == 0
    assert count(world, "deliveries WHERE number < 0") == 0


def test_reader__dead_three_times__fails_the_load(world: World, lists: Lists, cohort: str) -> None:
    load_id = lists.queue(cohort, "a\n")
    for name in "abc":
        with world.pool.begin() as conn:
            assert leases.claim(conn, "load", holder=name) is not None
        expire(world)
    lists.settle()
    done = lists.get(load_id)
    assert (done["state"], done["error"]["code"]) == ("failed", "reader_died")
    assert world.members(cohort) == ["before"]
    assert count(world, "leases") == 0
    assert lists.load(cohort, "b\n")["state"] == "applied"


def test_reader__with_an_internal_error_of_the_database_each_time__gives_up(
    world: World, lists: Lists, cohort: str
) -> None:
    load_id = lists.queue(cohort, "a\n")

    def fail() -> bool:
        message = "XX000"
        raise errors.DatabaseInternalError(message)

    reader = lists.reader(stopping=fail)
    for _ in range(2):
        with pytest.raises(errors.DatabaseInternalError):
            reader.read_next()
        assert lists.get(load_id)["state"] == "reading"
        with world.pool.begin() as conn:
            conn.execute(text("UPDATE leases SET due_at = now()"))
    assert reader.read_next()
    done = lists.get(load_id)
    assert (done["state"], done["error"]["code"]) == ("failed", "internal")
    assert (world.members(cohort), count(world, "leases")) == (["before"], 0)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_load__canceled_while_it_is_read__ends_with_nothing_left(
    world: World, lists: Lists, cohort: str, step: int
) -> None:
    load_id = lists.queue(cohort, ROWS)
    assert lists.reader(stopping=at(step, lambda: lists.act(load_id, "cancel"))).read_next()
    lists.settle()
    assert lists.get(load_id)["state"] == "canceled"
    assert world.members(cohort) == ["before"]
    assert count(world, "leases") == count(world, "uploads") == 0
    assert count(world, "deliveries WHERE number < 0") == 0


def test_load__canceled_before_it_is_read__is_not_read(world: World, lists: Lists) -> None:
    cohort = lists.make()
    load_id = lists.queue(cohort, "a\n")
    lists.act(load_id, "cancel")
    lists.settle()
    assert lists.get(load_id)["state"] == "canceled"
    assert (world.members(cohort), count(world, "leases")) == ([], 0)


def test_load__whose_cohort_is_deleted_while_it_is_read__is_canceled(
    world: World, lists: Lists, cohort: str
) -> None:
    load_id = lists.queue(cohort, ROWS)

    def delete() -> None:
        assert world.call("DELETE", f"/v1/cohorts/{cohort}").status_code == 204

    assert lists.reader(stopping=at(3, delete)).read_next()
    assert lists.get(load_id)["state"] == "canceled"
    assert count(world, "deliveries") == 0


def test_load__whose_cohort_is_deleted_once_it_is_read__is_canceled(
    world: World, lists: Lists, cohort: str
) -> None:
    held = lists.load(cohort, "a\n", review="true")
    assert world.call("DELETE", f"/v1/cohorts/{cohort}").status_code == 204
    assert lists.get(held["id"])["state"] == "canceled"
    assert world.call("POST", f"/v1/loads/{held['id']}/approve").status_code == 404
    assert world.call("GET", f"/v1/cohorts/{cohort}/loads").status_code == 404


def test_reader__without_its_file__fails_and_says_whose_fault_it_is(
    world: World, lists: Lists, cohort: str
) -> None:
    load_id = lists.queue(cohort, "a\n")
    with world.pool.begin() as conn:
        conn.execute(text("DELETE FROM upload_pieces"))
    lists.settle()
    done = lists.get(load_id)
    assert (done["state"], done["error"]["code"]) == ("failed", "internal")


def test_reader__while_postgres_fails__tries_again_from_the_start(
    world: World, lists: Lists, cohort: str
) -> None:
    load_id = lists.queue(cohort, ROWS)

    def fail() -> None:
        raise errors.Unavailable("not now")

    with pytest.raises(errors.Unavailable):
        lists.reader(stopping=at(3, fail)).read_next()
    assert lists.get(load_id)["state"] == "reading"
    with world.pool.begin() as conn:
        conn.execute(text("UPDATE leases SET due_at = now()"))
    lists.settle()
    assert lists.get(load_id)["state"] == "applied"


def test_readers__as_many_as_may_read_at_once__let_the_others_wait(
    world: World, lists: Lists
) -> None:
    first, second = (lists.queue(lists.make(name), "a\n") for name in ("one", "two"))

    def look() -> None:
        assert not lists.reader("second", at_most=1).read_next()
        assert lists.get(second)["state"] == "queued"

    assert lists.reader("first", at_most=1, stopping=at(1, look)).read_next()
    assert lists.get(first)["state"] == "applying"
    assert lists.reader("second", at_most=1).read_next()
    assert lists.get(second)["state"] == "applying"
    assert count(world, "leases") == 0


def test_readers__two_at_once__take_loads_in_the_order_they_were_queued(lists: Lists) -> None:
    first, second = (lists.queue(lists.make(name), "a\n") for name in ("one", "two"))

    def look() -> None:
        assert lists.reader("second").read_next()
        assert [lists.get(one)["state"] for one in (first, second)] == ["reading", "applying"]

    assert lists.reader("first", stopping=at(1, look)).read_next()
    assert lists.get(first)["state"] == "applying"


def test_reader__that_stops_after_it_was_taken_for_dead__leaves_the_lease_alone(
    world: World, lists: Lists, cohort: str
) -> None:
    load_id = lists.queue(cohort, ROWS)

    def take_over() -> bool:
        expire(world)
        with world.pool.begin() as conn:
            assert leases.claim(conn, "load", holder="second") is not None
        return True

    assert not lists.reader(stopping=at(2, take_over)).read_next()
    assert lists.get(load_id)["state"] == "reading"
    assert count(world, "leases WHERE holder = 'second'") == 1


def test_load__canceled_when_nothing_but_the_end_is_left__stays_canceled(
    world: World, lists: Lists, cohort: str
) -> None:
    load_id = lists.queue(cohort, "a\n", mode="add")
    told = itertools.count(1)

    def now() -> datetime.datetime:
        if next(told) == 3:  # of the beginning, of the page, of the end
            lists.act(load_id, "cancel")
        return world.clock()

    assert lists.reader(now=now).read_next()
    world.apply()
    assert lists.get(load_id)["state"] == "canceled"
    assert world.members(cohort) == ["before"]
    assert count(world, "leases") == 0


def test_load__canceled_while_its_file_is_found_to_be_none__stays_canceled(
    world: World, lists: Lists, cohort: str
) -> None:
    load_id = lists.queue(cohort, "name,plan\nx,y\n")
    assert lists.reader(stopping=at(1, lambda: lists.act(load_id, "cancel"))).read_next()
    found = lists.get(load_id)
    assert (found["state"], found["error"]) == ("canceled", None)
    assert count(world, "leases") == 0
