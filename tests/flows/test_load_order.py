"""A load has the place in order that it took when its reading began, also against erasures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts.load import Mode, State
from gateway.flows.cohorts import admin, erase, load
from gateway.store.cohorts import inbox
from tests.model import book, rows
from tests.model.loading import begun, loaded, report, seal, stage, staged, state
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


# The place in the order of sessions


def test_load__begun_before_edits__changes_nobody_whom_they_touched(desk: Desk) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    one = begun(desk, cohort, Mode.REPLACE, "Cx")
    desk.send(ADD, "t", "d")
    desk.send(REMOVE, "u", "x")
    desk.send(ADD, "v", "c")
    desk.settle(cohort)
    assert seal(desk, one)
    assert desk.members(cohort) == "cd"
    assert book.standing(desk.pool, cohort.cohort_id).members["c"] == "c@example.com"


def test_load__begun_after_edits__wins_over_them(desk: Desk) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    desk.send(ADD, "t", "d")
    desk.send(REMOVE, "u", "x")
    loaded(desk, cohort, Mode.REPLACE, "Cx")
    assert desk.members(cohort) == "cx"


@pytest.mark.parametrize("mode", Mode)
def test_load__older_than_a_refresh_that_completed__changes_nothing(desk: Desk, mode: Mode) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = begun(desk, cohort, mode, "ab", "x")
    desk.settle(desk.send(MEMBERS, "t", "a"))
    assert seal(desk, one)
    assert desk.members(cohort) == "a"
    assert state(desk, one) is State.SUPERSEDED
    found = report(desk, one)
    assert found is not None
    assert found.state == "superseded"
    assert staged(desk.pool) == 0


def test_load__of_two__the_one_begun_later_wins_whichever_is_sealed_first(desk: Desk) -> None:
    cohort = desk.send(ADD, "s", "a")
    older, newer = (begun(desk, cohort, Mode.REPLACE, one) for one in "bc")
    assert seal(desk, newer)
    desk.settle(cohort)
    assert seal(desk, older)
    assert desk.members(cohort) == "c"


def test_load__replacing__supersedes_a_refresh_that_began_before(desk: Desk) -> None:
    cohort = desk.send(MEMBERS, "s", "a", page=(1, 2))
    loaded(desk, cohort, Mode.REPLACE, "b")
    desk.send(MEMBERS, "s", "c", page=(2, 2))
    assert desk.members(cohort) == "b"
    assert desk.states(cohort)["s members"] == "superseded"


def test_load__that_removes__keeps_later_pages_of_older_sessions_from_adding(desk: Desk) -> None:
    cohort = desk.send(ADD, "s", "ab", page=(1, 2))
    desk.send(REMOVE, "t", "c")
    loaded(desk, cohort, Mode.REMOVE, "acx")
    desk.send(ADD, "s", "acxy", page=(2, 2))
    assert desk.members(cohort) == "by"


def test_load__that_adds__is_remembered_for_all_whom_it_names(desk: Desk) -> None:
    cohort = desk.send(ADD, "s", "ab")
    desk.send(REMOVE, "t", "b")
    loaded(desk, cohort, Mode.ADD, "ab")
    desk.send(REMOVE, "t", "a", page=(2, 2))
    assert desk.members(cohort) == "ab"


# Erasures


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.ADD])
def test_load__begun_before_an_erasure__does_not_bring_the_person_in(
    desk: Desk, pool: Pool, mode: Mode
) -> None:
    cohort = desk.send(ADD, "s", "ab")
    desk.settle(cohort)
    one = begun(desk, cohort, mode, "abc")
    erase.erase(pool, "a", erase.Where(), now=desk.clock())
    load.add(pool, one, 2, rows.of_letters("ad"), now=desk.clock())
    with pool.read() as conn:
        kept = conn.execute(text("SELECT roster FROM deliveries WHERE number < 0")).scalars().all()
    assert [b"a@example.com" in inbox.unpack(bytes(one)) for one in kept] == [False, False]
    assert seal(desk, one)
    assert desk.members(cohort) == "bcd"


def test_load__begun_after_an_erasure__brings_the_person_back(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(ADD, "s", "ab")
    desk.settle(cohort)
    erase.erase(pool, "a", erase.Where(), now=desk.clock())
    loaded(desk, cohort, Mode.ADD, "a")
    assert desk.members(cohort) == "ab"


def test_load__sealed_before_an_erasure__does_not_bring_the_person_in(
    desk: Desk, pool: Pool
) -> None:
    cohort = desk.send(ADD, "s", "ab")
    desk.settle(cohort)
    assert seal(desk, begun(desk, cohort, Mode.REPLACE, "ac"))
    erase.erase(pool, "a", erase.Where(), now=desk.clock())
    assert desk.members(cohort) == "c"


# Deleted cohorts, and readers that died


def test_load__of_a_cohort_that_was_deleted__changes_nothing(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(ADD, "s", "ab")
    desk.settle(cohort)
    one, other = begun(desk, cohort, Mode.ADD, "c"), begun(desk, cohort, Mode.ADD, "d")
    assert seal(desk, other)
    admin.delete_cohort(pool, cohort.cohort_id, now=desk.clock())
    assert staged(pool) == 0
    assert not seal(desk, one)
    with pytest.raises(errors.NotFound):
        load.begin(pool, cohort.cohort_id, Mode.ADD, now=desk.clock())
    with pytest.raises(errors.NotFound):
        load.read_anew(pool, one, now=desk.clock())
    admin.restore_cohort(pool, cohort.cohort_id, now=desk.clock())
    assert not seal(desk, one)
    assert [state(desk, one), state(desk, other)] == [State.CANCELED] * 2
    with pytest.raises(errors.Conflict):
        load.add(pool, one, 2, rows.of_letters("d"), now=desk.clock())
    assert desk.members(cohort) == ""


def test_read_again__keeps_the_place_and_drops_the_pages(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(MEMBERS, "s", "a")
    dead = begun(desk, cohort, Mode.REPLACE, "b", "c")
    desk.settle(desk.send(ADD, "t", "d"))
    one = load.read_again(pool, dead)
    assert (one.epoch, one.session, one.pages) == (2, dead.session, 0)
    with pytest.raises(errors.Conflict):
        load.add(pool, dead, 3, rows.of_letters("x"), now=desk.clock())
    assert not seal(desk, dead)
    assert staged(pool) == 0
    stage(desk, one, "e")
    assert seal(desk, one)
    assert desk.members(cohort) == "de"


def test_read_anew__takes_a_new_place(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(MEMBERS, "s", "a")
    dead = begun(desk, cohort, Mode.REPLACE, "b")
    desk.settle(desk.send(ADD, "t", "d"))
    erase.erase(pool, "a", erase.Where(), now=desk.clock())
    desk.clock.tick(1)
    one = load.read_anew(pool, dead, now=desk.clock())
    assert (one.epoch, one.begun_at) == (2, desk.clock())
    assert not seal(desk, dead)
    stage(desk, one, "a")
    assert seal(desk, one)
    assert desk.members(cohort) == "a"
    with pytest.raises(errors.Conflict):
        load.read_again(pool, one)
    with pytest.raises(errors.Conflict):
        load.read_anew(pool, one, now=desk.clock())
