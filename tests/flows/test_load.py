"""A load is seen by nothing until it is sealed, and then takes effect as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts import load as rules
from gateway.core.cohorts.guard import Guard
from gateway.core.cohorts.load import Mode, State
from gateway.flows.cohorts import admin, load
from gateway.store.cohorts import backlog, cohort_settings, inbox
from tests.model import book, rows
from tests.model.loading import begun, loaded, report, seal, stage, staged, state
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


# What a sealed load does


@pytest.mark.parametrize(
    ("mode", "members"),
    [(Mode.REPLACE, "bcz"), (Mode.ADD, "abcz"), (Mode.REMOVE, "a")],
)
def test_load__of_each_mode__does_what_its_name_says(desk: Desk, mode: Mode, members: str) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    one = loaded(desk, cohort, mode, "bz", "c")
    assert desk.members(cohort) == members
    assert state(desk, one) is State.APPLIED


@pytest.mark.parametrize("mode", Mode)
def test_load__of_nobody__empties_what_it_replaces_and_changes_nothing_else(
    desk: Desk, mode: Mode
) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    loaded(desk, cohort, mode)
    assert desk.members(cohort) == ("" if mode is Mode.REPLACE else "abc")


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.ADD])
def test_load__naming_a_member_twice__takes_the_last_profile(desk: Desk, mode: Mode) -> None:
    cohort = desk.send(ADD, "s", "x")
    loaded(desk, cohort, mode, "ab", "A")
    assert book.standing(desk.pool, cohort.cohort_id).members["a"] == "A@example.com"


def test_load__that_removes_a_member_twice__removes_once(desk: Desk) -> None:
    cohort = desk.send(ADD, "s", "ab")
    loaded(desk, cohort, Mode.REMOVE, "a", "a")
    assert desk.members(cohort) == "b"
    assert len(book.moves(desk.pool, cohort.cohort_id)) == 3


def test_load__same_content_again__writes_no_membership(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    loaded(desk, cohort, Mode.REPLACE, "abc")
    with pool.read() as conn:
        sessions = conn.execute(text("SELECT DISTINCT session FROM memberships")).scalars().all()
    assert sessions == [1]
    assert len(book.moves(pool, cohort.cohort_id)) == 3


def test_load__applied__reports_itself_and_leaves_no_page(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    desk.settle(cohort)
    one = load.begin(pool, cohort.cohort_id, Mode.REPLACE, now=desk.clock())
    desk.clock.tick(60)
    load.add(pool, one, 1, rows.of([("a", "x"), ("", "x")]), now=desk.clock())
    load.add(pool, one, 2, rows.of([("z", "x"), ("", "x"), (" ", "x")]), now=desk.clock())
    before = report(desk, one)
    assert before is not None
    assert (before.state, before.pages_received, before.entered) == ("receiving", 2, 0)
    assert seal(desk, one)
    desk.settle(cohort)
    found = report(desk, one)
    assert found is not None
    assert found.session_id == f"load-{cohort.cohort_id}-{one.number}"
    assert (found.action, found.state) == ("members", "applied")
    assert (found.pages_received, found.total_pages, found.members_received) == (2, 2, 5)
    assert (found.entered, found.exited, found.duplicates) == (1, 2, 0)
    assert found.skipped == {"blank_id": 3}
    assert found.started_at == one.begun_at
    assert staged(pool) == 0
    with pool.read() as conn:
        assert conn.execute(text("SELECT members FROM skips")).scalars().all() == [3]


# Before it is sealed


@pytest.mark.parametrize("mode", Mode)
def test_load__that_is_not_sealed__is_seen_by_nothing_and_holds_nothing_up(
    desk: Desk, pool: Pool, mode: Mode
) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    desk.settle(cohort)
    desk.bell.rung.clear()
    begun(desk, cohort, mode, "a", "z")
    with pool.read() as conn:
        assert inbox.pending_pages(conn) == 0
        assert inbox.waiting_cohorts(conn) == {}
        assert not inbox.is_waiting(conn, cohort.cohort_id)
        assert backlog.totals(conn, now=desk.clock()).pending == 0
        assert backlog.listing(conn, state=None, after=(0, 0), limit=10) == []
    assert desk.bell.rung == []
    assert desk.members(cohort) == "abc"
    assert desk.members(desk.send(ADD, "t", "d")) == "abcd"


def test_load__once_sealed__is_one_pending_delivery(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(ADD, "s", "a")
    desk.settle(cohort)
    one = begun(desk, cohort, Mode.ADD, "b", "cd")
    assert seal(desk, one)
    with pool.read() as conn:
        (pending,) = backlog.listing(conn, state=None, after=(0, 0), limit=10)
    assert (pending.number, pending.session_id, pending.members) == (
        2,
        f"load-{cohort.cohort_id}-{one.number}",
        3,
    )
    assert desk.bell.rung[-1] == cohort.cohort_id
    assert state(desk, one) is State.APPLYING


@pytest.mark.parametrize(
    ("mode", "enter", "exit_"), [(Mode.REPLACE, 2, 2), (Mode.ADD, 2, 0), (Mode.REMOVE, 0, 2)]
)
def test_compare__of_each_mode__says_what_applying_does(
    desk: Desk, mode: Mode, enter: int, exit_: int
) -> None:
    cohort = desk.send(MEMBERS, "s", "abcd")
    desk.send(REMOVE, "t", "y")
    desk.settle(cohort)
    one = begun(desk, cohort, mode, "ab", "yz")
    found = load.compare(desk.pool, one)
    assert (found.would_enter, found.would_exit) == (enter, exit_)
    assert desk.members(cohort) == "abcd"
    assert seal(desk, one)
    desk.settle(cohort)
    done = report(desk, one)
    assert done is not None
    assert (done.entered, done.exited) == (enter, exit_)


def test_compare__of_a_load_that_a_newer_refresh_has_passed__finds_nothing(desk: Desk) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = begun(desk, cohort, Mode.REPLACE, "b")
    desk.settle(desk.send(MEMBERS, "t", "c"))
    found = load.compare(desk.pool, one)
    assert (found.would_enter, found.would_exit) == (0, 0)


def test_compare__of_a_load_that_has_ended__is_a_conflict(desk: Desk) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = loaded(desk, cohort, Mode.ADD, "b")
    with pytest.raises(errors.Conflict):
        load.compare(desk.pool, one)


def test_drop__leaves_the_row_alone(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = begun(desk, cohort, Mode.REPLACE, "b", "c")
    assert load.drop(pool, one, now=desk.clock())
    assert staged(pool) == 0
    with pool.read() as conn:
        assert conn.execute(text("SELECT number FROM sessions")).scalars().all() == [1]
    assert state(desk, one) is State.CANCELED
    assert desk.members(cohort) == "a"
    assert not load.drop(pool, one, now=desk.clock())
    assert not seal(desk, one)
    with pytest.raises(errors.Conflict):
        stage(desk, one, "d")


def test_begin__for_a_cohort_that_is_not_there__is_refused(desk: Desk) -> None:
    with pytest.raises(errors.NotFound):
        load.begin(desk.pool, 12345, Mode.ADD, now=desk.clock())
    assert load.find(desk.pool, 12345, 1) is None


@pytest.mark.parametrize("page", [0, 2, rules.MAX_PAGES + 1])
def test_add__a_page_out_of_order__is_refused(desk: Desk, page: int) -> None:
    one = begun(desk, desk.send(ADD, "s", "a"), Mode.ADD)
    with pytest.raises(errors.Conflict):
        load.add(desk.pool, one, page, rows.of_letters("b"), now=desk.clock())


def test_add__a_page_again__changes_nothing(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = begun(desk, cohort, Mode.ADD, "b", "c")
    load.add(pool, one, 1, rows.of_letters("b"), now=desk.clock())
    found = load.find(pool, cohort.cohort_id, one.number)
    assert found is not None
    assert (found.pages, found.members, found.received) == (2, 2, 2)


def test_seal__again__changes_nothing(desk: Desk) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = begun(desk, cohort, Mode.ADD, "b")
    assert seal(desk, one)
    assert seal(desk, one)
    assert desk.settle(cohort).through == 2
    assert seal(desk, one)
    assert desk.settle(cohort).received == 2


# What cannot be applied


def test_load__with_a_page_that_is_lost__is_blocked_as_a_whole(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = begun(desk, cohort, Mode.REPLACE, "b", "c")
    assert seal(desk, one)
    with pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET number = -7 WHERE number < 0 AND page = 2"))
    desk.send(ADD, "t", "d")
    assert desk.members(cohort) == "ad"
    assert book.blocked(pool, cohort.cohort_id) == [2]
    assert state(desk, one) is State.APPLYING
    with pool.begin() as conn:
        number = rules.staged_number(one.session, 2)
        conn.execute(text("UPDATE deliveries SET number = :n WHERE number = -7"), {"n": number})
    admin.retry_delivery(pool, cohort.cohort_id, 2, now=desk.clock())
    assert desk.members(cohort) == "bcd"
    assert state(desk, one) is State.APPLIED


def test_load__blocked_and_passed_by_a_refresh__is_superseded_when_it_is_retried(
    desk: Desk, pool: Pool
) -> None:
    cohort = desk.send(ADD, "s", "a")
    one = begun(desk, cohort, Mode.ADD, "b")
    assert seal(desk, one)
    with pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = 'x' WHERE number < 0"))
    desk.settle(desk.send(MEMBERS, "t", "d"))
    admin.retry_delivery(pool, cohort.cohort_id, 2, now=desk.clock())
    assert desk.members(cohort) == "d"
    assert state(desk, one) is State.SUPERSEDED


def test_load__blocked_and_retried_under_a_guard__waits_for_an_approval(
    desk: Desk, pool: Pool
) -> None:
    cohort = desk.send(MEMBERS, "s", "abc")
    one = begun(desk, cohort, Mode.REPLACE, "a")
    assert seal(desk, one)
    with pool.begin() as conn:
        (kept,) = conn.execute(text("SELECT roster FROM deliveries WHERE number < 0")).one()
        conn.execute(text("UPDATE deliveries SET roster = 'x' WHERE number < 0"))
    desk.settle(cohort)
    guard = Guard(shrink_percent=50, from_members=1)
    with pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = :one WHERE number < 0"), {"one": kept})
        cohort_settings.set_guard(conn, cohort.cohort_id, guard, now=desk.clock())
    admin.retry_delivery(pool, cohort.cohort_id, 2, now=desk.clock())
    assert desk.members(cohort) == "abc"
    assert state(desk, one) is State.NEEDS_APPROVAL


def test_load__without_its_row__is_blocked(desk: Desk, pool: Pool) -> None:
    cohort = desk.send(ADD, "s", "a")
    assert seal(desk, begun(desk, cohort, Mode.REPLACE, "b"))
    with pool.begin() as conn:
        conn.execute(text("DELETE FROM loads"))
    assert desk.members(cohort) == "a"
    assert book.blocked(pool, cohort.cohort_id) == [2]
