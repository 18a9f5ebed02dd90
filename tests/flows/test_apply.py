"""What pages mean: the rules of section 1.3 of the interface, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.core.cohorts.refresh import QUIET_SECONDS
from gateway.flows.cohorts.apply import Drained
from gateway.flows.cohorts.work import Outcome
from tests.model import book
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def test_session__page_of_an_older_one__cannot_undo_a_newer_one(desk: Desk) -> None:
    desk.send(ADD, "old", "a", page=(1, 3))
    desk.send(REMOVE, "new", "b")
    desk.send(ADD, "new", "c")
    desk.send(ADD, "old", "bC", page=(2, 3))
    receipt = desk.send(REMOVE, "old", "c")
    assert desk.settle(receipt).members == {"a": "a@example.com", "c": "c@example.com"}


def test_session__page_of_an_older_one__changes_whom_nobody_newer_touched(desk: Desk) -> None:
    desk.send(ADD, "old", "a")
    desk.send(ADD, "new", "b")
    desk.send(REMOVE, "old", "a")
    receipt = desk.send(ADD, "old", "c", page=(2, 2))
    assert desk.members(receipt) == "bc"


def test_session__member_added_again_by_a_newer_one__is_touched_by_it(desk: Desk) -> None:
    desk.send(ADD, "old", "a")
    desk.send(ADD, "new", "a")
    receipt = desk.send(REMOVE, "old", "a")
    assert desk.members(receipt) == "a"


def test_session__removal_of_a_stranger__is_remembered(desk: Desk) -> None:
    desk.send(ADD, "old", "a")
    desk.send(REMOVE, "new", "b")
    receipt = desk.send(ADD, "old", "bc", page=(2, 2))
    assert desk.members(receipt) == "ac"


def test_session__empty_first_page__makes_it_older_than_what_follows(desk: Desk) -> None:
    desk.send(ADD, "old", "", page=(1, 2))
    desk.send(REMOVE, "new", "a")
    receipt = desk.send(ADD, "old", "ab", page=(2, 2))
    assert desk.members(receipt) == "b"


def test_session__of_one_id_in_two_cohorts__is_two(desk: Desk) -> None:
    desk.send(ADD, "same", "a")
    desk.send(ADD, "same", "b", cohort="cohort-2")
    first = desk.send(REMOVE, "other", "a")
    second = desk.send(ADD, "same", "a", cohort="cohort-2", page=(2, 2))
    assert (desk.members(first), desk.members(second)) == ("", "ab")


def test_session__later_received_page_of_it__wins(desk: Desk) -> None:
    desk.send(ADD, "s", "ab")
    desk.send(REMOVE, "s", "a")
    receipt = desk.send(ADD, "s", "B", page=(2, 2))
    assert desk.settle(receipt).members == {"b": "B@example.com"}


def test_request__without_session_id__is_a_session_of_its_own(desk: Desk) -> None:
    desk.send(ADD, None, "a", page=None)
    desk.send(REMOVE, None, "a", page=None)
    receipt = desk.send(ADD, None, "a", page=None)
    assert receipt.number == 3
    assert desk.members(receipt) == "a"


def test_refresh__all_pages_in__leaves_exactly_who_is_named(desk: Desk) -> None:
    desk.send(ADD, "old", "abx")
    desk.send(MEMBERS, "new", "bc", page=(2, 2))
    receipt = desk.send(MEMBERS, "new", "a", page=(1, 2))
    assert desk.members(receipt) == "abc"


def test_refresh__last_page_missing__adds_and_removes_nobody(desk: Desk) -> None:
    desk.send(ADD, "old", "x")
    receipt = desk.send(MEMBERS, "new", "ab", page=(1, 2))
    assert desk.members(receipt) == "abx"
    assert desk.states(receipt)["new members"] == "receiving"


@pytest.mark.parametrize("page", [(0, 0), (0, 1), (1, 1), None])
def test_refresh__empty__empties_the_cohort(desk: Desk, page: tuple[int, int] | None) -> None:
    desk.send(ADD, "old", "ab")
    receipt = desk.send(MEMBERS, "new", "", page=page)
    assert desk.members(receipt) == ""


def test_refresh__people_touched_by_newer_sessions__are_left_alone(desk: Desk) -> None:
    desk.send(MEMBERS, "refresh", "ab", page=(1, 2))
    desk.send(ADD, "newer", "xC")
    desk.send(REMOVE, "newer", "b")
    receipt = desk.send(MEMBERS, "refresh", "c", page=(2, 2))
    assert desk.settle(receipt).members == {
        "a": "a@example.com",
        "c": "C@example.com",
        "x": "x@example.com",
    }


def test_refresh__completed__speaks_for_the_whole_cohort(desk: Desk) -> None:
    desk.send(ADD, "old", "a")
    desk.send(REMOVE, "old", "b")
    desk.send(MEMBERS, "new", "ab")
    desk.send(ADD, "old", "cA", page=(2, 3))
    receipt = desk.send(REMOVE, "old", "a")
    assert desk.settle(receipt).members == {"a": "a@example.com", "b": "b@example.com"}


@pytest.mark.parametrize("last", ["first", "second"])
def test_refresh__two_interleaved__the_later_session_wins(desk: Desk, last: str) -> None:
    desk.send(MEMBERS, "first", "a", page=(1, 2))
    desk.send(MEMBERS, "second", "b", page=(1, 2))
    rest = {"first": "c", "second": "d"}
    before = next(session for session in rest if session != last)
    desk.send(MEMBERS, before, rest[before], page=(2, 2))
    receipt = desk.send(MEMBERS, last, rest[last], page=(2, 2))
    assert desk.members(receipt) == "bd"


def test_refresh__page_with_other_members__counts_in_place_of_the_old_one(desk: Desk) -> None:
    desk.send(MEMBERS, "s", "a", page=(1, 2))
    desk.send(MEMBERS, "s", "b", page=(1, 2))
    receipt = desk.send(MEMBERS, "s", "c", page=(2, 2))
    assert desk.members(receipt) == "bc"


def test_refresh__page_with_other_members_after_completion__applies_it_again(desk: Desk) -> None:
    desk.send(MEMBERS, "s", "a", page=(1, 2))
    assert desk.members(desk.send(MEMBERS, "s", "b", page=(2, 2))) == "ab"
    assert desk.members(desk.send(MEMBERS, "s", "c", page=(2, 2))) == "ac"


def test_refresh__replay_after_completion__changes_nothing(desk: Desk) -> None:
    desk.send(MEMBERS, "s", "a")
    desk.settle(desk.send(REMOVE, "t", "a"))
    receipt = desk.send(MEMBERS, "s", "a")
    assert receipt.number is None
    assert desk.settle(receipt).last_change == 2


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("between", [True, False])
def test_refresh__larger_total_after_completion__had_completed_before(
    desk: Desk, *, at_once: bool, between: bool
) -> None:
    desk.send(ADD, "old", "x")
    receipt = desk.send(MEMBERS, "s", "a")
    if not at_once:
        desk.settle(receipt)
    if between:
        desk.send(ADD, "other", "o")
    desk.send(MEMBERS, "s", "b", page=(3, 3))
    assert desk.members(receipt) == ("abo" if between else "ab")
    assert desk.states(receipt)["s members"] == "receiving"
    receipt = desk.send(MEMBERS, "s", "c", page=(2, 3))
    assert desk.members(receipt) == ("abco" if between else "abc")
    assert desk.states(receipt)["s members"] == "applied"


def test_refresh__pages_that_keep_coming__wait_and_are_compared_once(desk: Desk) -> None:
    receipt = desk.send(ADD, "old", "ax")
    desk.settle(receipt)
    desk.send(MEMBERS, "s", "b", page=(1, 3))
    assert desk.applier.step(receipt.cohort_id) is Outcome.WAITING
    desk.clock.tick(QUIET_SECONDS - 0.1)
    desk.send(MEMBERS, "s", "c", page=(1, 3))
    desk.send(MEMBERS, "s", "a", page=(2, 3))
    assert desk.applier.step(receipt.cohort_id) is Outcome.WAITING
    desk.send(MEMBERS, "s", "d", page=(3, 3))
    assert desk.members(receipt) == "acd"
    seen = [(kind, member_id) for kind, member_id, _ in book.moves(desk.pool, receipt.cohort_id)]
    assert seen[2:] == [("exited", "x"), ("entered", "c"), ("entered", "d")]


@pytest.mark.parametrize("seconds", [QUIET_SECONDS, -QUIET_SECONDS])
def test_refresh__rest_does_not_come__is_added_by_itself(desk: Desk, seconds: float) -> None:
    receipt = desk.send(MEMBERS, "s", "a", page=(1, 2))
    assert desk.applier.drain(receipt.cohort_id) is Drained.EXPECTING
    assert book.standing(desk.pool, receipt.cohort_id).members == {}
    desk.clock.tick(seconds)
    desk.applier.drain(receipt.cohort_id)
    assert list(book.standing(desk.pool, receipt.cohort_id).members) == ["a"]


@pytest.mark.parametrize(("action", "session"), [(ADD, "other"), (MEMBERS, "other"), (ADD, "s")])
def test_refresh__page_of_another_sync_comes__waits_no_longer(
    desk: Desk, action: str, session: str
) -> None:
    desk.send(MEMBERS, "s", "a", page=(1, 2))
    receipt = desk.send(action, session, "b", page=(1, 2))
    desk.applier.drain(receipt.cohort_id)
    standing = book.standing(desk.pool, receipt.cohort_id)
    assert standing.through >= 1
    assert "a" in standing.members


def test_profile__page_applied__replaces_all_of_it(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "one", "a")
    desk.settle(receipt)
    with pool.begin() as conn:
        conn.execute(text("UPDATE memberships SET phone = '1', properties = '{\"x\": 1}'"))
    desk.settle(desk.send(ADD, "two", "a"))
    with pool.read() as conn:
        row = conn.execute(text("SELECT email, phone, properties FROM memberships")).one()
    assert tuple(row) == ("a@example.com", None, {})


def test_changes__of_replays_readds_and_equal_refreshes__are_none(desk: Desk) -> None:
    desk.send(ADD, "one", "ab")
    receipt = desk.send(REMOVE, "two", "bz")
    desk.settle(receipt)
    expected = [("entered", "a", 1), ("entered", "b", 1), ("exited", "b", 2)]
    for action, session, members in (
        (ADD, "one", "ab"),
        (ADD, "three", "a"),
        (MEMBERS, "four", "A"),
        (REMOVE, "five", "z"),
    ):
        desk.settle(desk.send(action, session, members))
    assert book.moves(desk.pool, receipt.cohort_id) == expected


def test_changes__of_a_refresh__name_who_left_before_who_came(desk: Desk) -> None:
    desk.send(ADD, "one", "ab")
    receipt = desk.send(MEMBERS, "two", "dbc")
    desk.settle(receipt)
    assert book.moves(desk.pool, receipt.cohort_id)[2:] == [
        ("exited", "a", 2),
        ("entered", "c", 2),
        ("entered", "d", 2),
    ]


def test_states__newer_refresh_completes__incomplete_ones_are_superseded(desk: Desk) -> None:
    desk.send(ADD, "whole", "a")
    desk.send(ADD, "cut", "b", page=(1, 2))
    desk.send(MEMBERS, "slow", "c", page=(1, 2))
    receipt = desk.send(MEMBERS, "full", "d")
    desk.send(REMOVE, "newer", "d", page=(1, 2))
    desk.settle(receipt)
    desk.send(MEMBERS, "slow", "e", page=(2, 2))
    desk.send(ADD, "whole", "f", page=(2, 3))
    assert desk.states(receipt) == {
        "whole add_members": "applied",
        "cut add_members": "superseded",
        "slow members": "superseded",
        "full members": "applied",
        "newer remove_members": "receiving",
    }
    assert desk.members(receipt) == ""


def test_diff__odd_paging__is_applied(desk: Desk) -> None:
    receipt = desk.send(ADD, "s", "a", page=(0, 0))
    desk.send(ADD, "s", "b", page=(-7, 2**70))
    assert desk.members(receipt) == "ab"


def test_diff__incomplete__is_applied_at_once_and_still_receiving(desk: Desk) -> None:
    receipt = desk.send(ADD, "s", "a", page=(2, 2))
    desk.applier.drain(receipt.cohort_id)
    assert desk.states(receipt) == {"s add_members": "receiving"}
    assert desk.members(desk.send(ADD, "s", "b", page=(1, 2))) == "ab"
    assert desk.states(receipt) == {"s add_members": "applied"}


def test_run__more_members_than_one_step_takes__is_cut(desk: Desk, pool: Pool) -> None:
    desk.send(ADD, "s", "a", page=(1, 3))
    desk.send(ADD, "s", "b", page=(2, 3))
    receipt = desk.send(ADD, "s", "c", page=(3, 3))
    with pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET members = 30000"))
    assert desk.applier.step(receipt.cohort_id) is Outcome.WORKED
    assert book.standing(pool, receipt.cohort_id).through == 1
    assert desk.members(receipt) == "abc"


@pytest.mark.parametrize("grows", [True, False])
def test_refresh__whole_again_with_each_page__is_compared_once_for_all(
    desk: Desk, *, grows: bool
) -> None:
    desk.settle(desk.send(ADD, "old", "z"))
    receipt = desk.send(MEMBERS, "s", "a")
    assert desk.members(receipt) == "a"
    for number, letter in enumerate("bcdef", start=2):
        receipt = desk.send(MEMBERS, "s", letter, page=(number, number) if grows else (1, 1))
        assert desk.applier.step(receipt.cohort_id) is Outcome.WAITING
        assert desk.applier.drain(receipt.cohort_id) is Drained.EXPECTING
    desk.clock.tick(QUIET_SECONDS)
    assert desk.applier.step(receipt.cohort_id) is Outcome.WORKED
    assert desk.applier.step(receipt.cohort_id) is Outcome.NOTHING_TO_DO
    assert desk.members(receipt) == ("abcdef" if grows else "f")
    assert desk.states(receipt)["s members"] == "applied"
