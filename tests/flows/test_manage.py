"""What operators do to cohorts and deliveries, also while others are at them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts import admin as manage
from gateway.flows.cohorts import lookup
from gateway.flows.sources import admin as sources
from gateway.store.cohorts import removals
from tests.model import book, sender, traffic
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    from gateway.flows.cohorts.submit import Receipt
    from tests.model.desk import Desk


def filled(desk: Desk, members: str = "abc") -> int:
    receipt = desk.send(ADD, "s1", members)
    desk.settle(receipt)
    return receipt.cohort_id


def test_delete__of_many_members__writes_exits_in_arrays_without_gaps(desk: Desk) -> None:
    people = tuple((f"p-{number:04}", "p@example.com") for number in range(2500))
    receipt = desk.post(
        sender.Page(cohort="cohort-1", session="s1", action=ADD, number=1, total=1, members=people)
    )
    desk.settle(receipt)
    manage.delete_cohort(desk.pool, receipt.cohort_id, now=desk.clock())
    moves = book.moves(desk.pool, receipt.cohort_id)
    assert [who for _, who, _ in moves[2500:]] == [who for who, _ in people]
    assert {kind for kind, _, _ in moves[2500:]} == {"exited"}
    with desk.pool.read() as conn:
        lengths = conn.execute(text("SELECT max(cardinality(member_ids)) FROM changes"))
        assert lengths.scalar_one() == 1000
        assert conn.execute(text("SELECT count(*) FROM memberships")).scalar_one() == 0


def test_delete__while_a_page_is_applied__waits_and_covers_it(desk: Desk) -> None:
    cohort_id = filled(desk)
    desk.send(ADD, "s2", "d")
    desk.clock.tick(10)
    with ThreadPoolExecutor(2) as crew:
        with traffic.closed(desk.pool, "changes"):
            drained = crew.submit(desk.applier.drain, cohort_id)
            traffic.await_waiting(desk.pool, 1)
            deleted = crew.submit(manage.delete_cohort, desk.pool, cohort_id, now=desk.clock())
            traffic.await_waiting(desk.pool, 2)
        drained.result()
        deleted.result()
    moves = book.moves(desk.pool, cohort_id)
    assert [(kind, who) for kind, who, _ in moves[3:]] == [
        ("entered", "d"),
        ("exited", "a"),
        ("exited", "b"),
        ("exited", "c"),
        ("exited", "d"),
    ]


def test_delete__held_up_for_too_long__is_unavailable_and_changes_nothing(desk: Desk) -> None:
    cohort_id = filled(desk)
    with traffic.applying(desk.pool, cohort_id):
        with pytest.raises(errors.Unavailable):
            manage.delete_cohort(desk.pool, cohort_id, now=desk.clock(), lock_seconds=0.2)
        with pytest.raises(errors.Unavailable):
            manage.restore_cohort(desk.pool, cohort_id, now=desk.clock(), lock_seconds=0.2)
    assert book.standing(desk.pool, cohort_id).member_count == 3
    assert desk.members(desk.send(ADD, "s2", "d")) == "abcd"


def test_delete__by_two_at_once__is_done_once(desk: Desk) -> None:
    cohort_id = filled(desk)
    with ThreadPoolExecutor(2) as crew:
        with traffic.applying(desk.pool, cohort_id):
            both = [
                crew.submit(manage.delete_cohort, desk.pool, cohort_id, now=desk.clock())
                for _ in range(2)
            ]
            traffic.await_waiting(desk.pool, 2)
        problems = [one.exception() for one in both]
    assert [type(problem) for problem in problems if problem] == [errors.NotFound]
    assert len(book.moves(desk.pool, cohort_id)) == 6


def test_delete__while_a_page_is_being_accepted__drops_it(desk: Desk) -> None:
    cohort_id = filled(desk)
    with ThreadPoolExecutor(2) as crew:
        with traffic.closed(desk.pool, "deliveries"):
            accepted = crew.submit(desk.send, ADD, "s2", "d")
            traffic.await_waiting(desk.pool, 1)
            deleted = crew.submit(manage.delete_cohort, desk.pool, cohort_id, now=desk.clock())
            traffic.await_waiting(desk.pool, 2)
        assert accepted.result().cohort_id == cohort_id
        deleted.result()
    assert book.deliveries(desk.pool, cohort_id) == []
    standing = book.standing(desk.pool, cohort_id)
    assert (standing.through, standing.members) == (standing.received, {})
    with pytest.raises(errors.NotFound):
        desk.send(ADD, "s3", "e")


def test_delete__page_that_comes_meanwhile__is_refused_for_good(desk: Desk) -> None:
    cohort_id = filled(desk)
    with ThreadPoolExecutor(2) as crew:
        with traffic.closed(desk.pool, "deliveries"):
            # The deletion has closed the cohort and is about to drop its pages.
            deleted = crew.submit(manage.delete_cohort, desk.pool, cohort_id, now=desk.clock())
            traffic.await_waiting(desk.pool, 1)
            accepted = crew.submit(desk.send, ADD, "s2", "d")
            traffic.await_waiting(desk.pool, 2)
        deleted.result()
        assert isinstance(accepted.exception(), errors.NotFound)
    assert book.standing(desk.pool, cohort_id).members == {}


def test_restore__of_a_cohort_with_a_completed_refresh__forgets_its_floor(desk: Desk) -> None:
    receipt = desk.send(MEMBERS, "s1", "ab")
    desk.settle(receipt)
    manage.delete_cohort(desk.pool, receipt.cohort_id, now=desk.clock())
    manage.restore_cohort(desk.pool, receipt.cohort_id, now=desk.clock())
    assert book.standing(desk.pool, receipt.cohort_id).floor == 0
    assert desk.members(desk.send(ADD, "s1", "c")) == "c"


def test_restore__of_a_cohort_whose_source_was_removed__is_not_found(desk: Desk) -> None:
    cohort_id = filled(desk)
    sources.remove(desk.pool, desk.slug, now=desk.clock())
    with pytest.raises(errors.NotFound, match="source"):
        manage.restore_cohort(desk.pool, cohort_id, now=desk.clock())
    with desk.pool.read() as conn:
        assert removals.is_deleted(conn, cohort_id)


def test_retry__asked_for_by_two_at_once__is_granted_once(desk: Desk) -> None:
    receipt = blocked(desk)
    with ThreadPoolExecutor(2) as crew:
        both = [
            crew.submit(manage.retry_delivery, desk.pool, receipt.cohort_id, 1, now=desk.clock())
            for _ in range(2)
        ]
        problems = [one.exception() for one in both]
    assert [type(problem) for problem in problems if problem] == [errors.Conflict]


def test_retry__of_a_page_that_was_applied__is_not_found(desk: Desk) -> None:
    cohort_id = filled(desk)
    with pytest.raises(errors.NotFound):
        manage.retry_delivery(desk.pool, cohort_id, 1, now=desk.clock())


def blocked(desk: Desk) -> Receipt:
    """Have the first page of a cohort blocked."""
    receipt = desk.send(ADD, "s1", "a")
    with desk.pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = 'damaged'"))
    desk.settle(receipt)
    return receipt


def test_deleted_cohorts__of_some_sources__are_listed_by_their_deletion(desk: Desk) -> None:
    first, second = filled(desk), desk.send(ADD, "s1", "a", cohort="cohort-2").cohort_id
    assert manage.deleted_cohorts(desk.pool, lookup.Filter()) == []
    for cohort_id in (first, second):
        desk.clock.tick(1)
        manage.delete_cohort(desk.pool, cohort_id, now=desk.clock())
    found = manage.deleted_cohorts(desk.pool, lookup.Filter())
    assert [(one.id, one.source) for one in found] == [(second, "desk"), (first, "desk")]
    assert [one.id for one in manage.deleted_cohorts(desk.pool, lookup.Filter(id=first))] == [first]
    assert manage.deleted_cohorts(desk.pool, lookup.Filter(source="other")) == []
