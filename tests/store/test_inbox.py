"""The inbox: pages as they were accepted, and who is told that they wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.cohorts.page import Action
from gateway.store.cohorts import inbox
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


@pytest.mark.parametrize("roster", [b"", b"a\tb\n", b"x" * 5_000_000])
def test_pack__of_any_roster__comes_back_as_it_was(roster: bytes) -> None:
    assert inbox.unpack(inbox.pack(roster)) == roster


def test_pack__of_lines_that_are_alike__is_smaller() -> None:
    roster = b"member\tsomebody@example.com\t\\N\n" * 1000
    assert len(inbox.pack(roster)) < len(roster) // 3


def test_entry__of_any_page__knows_how_large_its_roster_is(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "s", "abc")
    rosters = [b"", b"x" * 5_000_000, None]
    found = []
    for roster in rosters:
        packed = b"damaged" if roster is None else inbox.pack(roster)
        with pool.begin() as conn:
            conn.execute(text("UPDATE deliveries SET roster = :packed"), {"packed": packed})
            entry = inbox.entry(conn, receipt.cohort_id, 1)
        assert entry is not None
        found.append(entry.roster_bytes)
    assert found == [0, 5_000_000, 0]


@pytest.mark.parametrize("packed", [b"", b"x", inbox.pack(b"a" * 1000)[:-3]])
def test_unpack__of_what_is_damaged__is_poison(packed: bytes) -> None:
    with pytest.raises(errors.Poison):
        inbox.unpack(packed)


def test_waiting__cohorts_and_pages__are_those_not_applied(desk: Desk, pool: Pool) -> None:
    done = desk.send(ADD, "s", "a")
    desk.settle(done)
    first = desk.send(ADD, "s", "a", cohort="cohort-2")
    desk.send(ADD, "s", "b", cohort="cohort-2")
    second = desk.send(MEMBERS, "s", "a", cohort="cohort-3", page=(1, 2))
    with pool.read() as conn:
        assert sorted(inbox.waiting_cohorts(conn)) == [first.cohort_id, second.cohort_id]
        assert inbox.pending_pages(conn) == 3
        assert not inbox.is_waiting(conn, done.cohort_id)
        assert inbox.is_waiting(conn, second.cohort_id)


def test_need_not_wait__of_a_refresh__once_all_is_in_or_something_else_came(
    desk: Desk, pool: Pool
) -> None:
    lone = desk.send(MEMBERS, "s", "a", page=(1, 2))
    whole = desk.send(MEMBERS, "s", "a", page=(1, 2), cohort="cohort-2")
    desk.send(MEMBERS, "s", "b", page=(2, 2), cohort="cohort-2")
    passed = desk.send(MEMBERS, "s", "a", page=(1, 2), cohort="cohort-3")
    desk.send(ADD, "t", "b", cohort="cohort-3")
    with pool.read() as conn:
        found = [inbox.need_not_wait(conn, one.cohort_id) for one in (lone, whole, passed)]
    assert found == [False, True, True]


@pytest.mark.parametrize("page", [(1, 2), (0, 0), (-1, -3)])
def test_need_not_wait__of_a_diff__whatever_its_totals(
    desk: Desk, pool: Pool, page: tuple[int, int]
) -> None:
    sent = desk.send(ADD, "s", "a", page=page)
    with pool.read() as conn:
        assert inbox.need_not_wait(conn, sent.cohort_id)


def test_run_end__of_adjacent_pages__is_before_another_sync_or_a_larger_total(
    desk: Desk, pool: Pool
) -> None:
    for number in (1, 2):
        desk.send(MEMBERS, "s", "a", page=(number, 2))
    desk.send(MEMBERS, "s", "a", page=(3, 3))
    receipt = desk.send(ADD, "s", "a")
    with pool.read() as conn:
        first = inbox.entry(conn, receipt.cohort_id, 1)
        assert first is not None
        assert first.action is Action.REPLACE
        ends = [inbox.run_end(conn, receipt.cohort_id, first, total_pages=n) for n in (2, 3)]
        last = inbox.entry(conn, receipt.cohort_id, 4)
        assert last is not None
        ends.append(inbox.run_end(conn, receipt.cohort_id, last, total_pages=1))
        assert inbox.entry(conn, receipt.cohort_id, 5) is None
    assert ends == [2, 3, 4]


def test_newest_pages__of_a_refresh__are_in_the_order_of_receipt(desk: Desk, pool: Pool) -> None:
    desk.send(MEMBERS, "s", "a", page=(2, 3))
    desk.send(MEMBERS, "s", "b", page=(1, 3))
    desk.send(ADD, "s", "c", page=(1, 1))
    receipt = desk.send(MEMBERS, "s", "d", page=(2, 3))
    with pool.read() as conn:
        key = {"session": 1, "through": 4}
        assert inbox.newest_pages(conn, receipt.cohort_id, **key) == [(1, 2), (2, 4)]
        assert inbox.newest_pages(conn, receipt.cohort_id, **key | {"through": 2}) == [
            (2, 1),
            (1, 2),
        ]


@pytest.mark.parametrize("limits", [{"batch": 2}, {"batch_bytes": 1}, {"batch_bytes": 100}])
def test_rosters__of_more_than_a_batch__come_in_the_order_asked_for(
    desk: Desk, pool: Pool, limits: dict[str, int]
) -> None:
    receipt = [desk.send(ADD, letter, letter) for letter in "abcde"][-1]
    with pool.read() as conn:
        found = list(inbox.rosters(conn, receipt.cohort_id, [5, 1, 99, 4, 2], **limits))
    assert [number for number, _ in found] == [5, 1, 4, 2]
    assert [inbox.unpack(packed)[:1] for _, packed in found] == [b"e", b"a", b"d", b"b"]
