"""Taking erased ids out of the history: in slices, across crashes, and out of sight at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts import erase, lookup, redact_history
from gateway.flows.cohorts.read_routing import ReadRouter
from gateway.store.cohorts import history_redactions
from gateway.store.cohorts.history_redactions import Extent
from tests.model import book, traffic
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from gateway.flows.cohorts.lookup import Changes, Tagged
    from gateway.flows.cohorts.submit import Receipt
    from tests.model.desk import Desk

Shown = list[tuple[str, str | None]]


def erase_later(desk: Desk, member_id: str, where: erase.Where | None = None) -> None:
    """Erase somebody and leave the history to the scheduler."""
    everywhere = erase.Where()
    assert not erase.erase(
        desk.pool, member_id, where or everywhere, now=desk.clock(), redact_seconds=0
    )


def read(desk: Desk, receipt: Receipt) -> Tagged[Changes]:
    return lookup.changes(ReadRouter(desk.pool), receipt.cohort_id, after=0, limit=1000)


def shown(desk: Desk, receipt: Receipt) -> Shown:
    """List what readers are shown of a cohort's history."""
    answer = read(desk, receipt).answer
    assert answer is not None
    return [(one.change, one.member_id) for one in answer.changes]


def kept(desk: Desk, receipt: Receipt) -> Shown:
    """List what is kept of it."""
    return [(kind, who) for kind, who, _ in book.moves(desk.pool, receipt.cohort_id)]


def send_history(desk: Desk, cohort: str = "cohort-1") -> Receipt:
    """Let a and b come, and a leave by a refresh, which leaves no trace but the history."""
    desk.settle(desk.send(ADD, f"{cohort}-1", "ab", cohort=cohort))
    receipt = desk.send(MEMBERS, f"{cohort}-2", "b", cohort=cohort)
    desk.settle(receipt)
    return receipt


def left(desk: Desk) -> list[tuple[str, int]]:
    with desk.pool.read() as conn:
        rows = conn.execute(_REDACTIONS).all()
    return [(row.member_id, row.after_cohort) for row in rows]


def test_erase__without_time_for_the_history__shows_nothing_of_it(desk: Desk) -> None:
    receipt = send_history(desk)
    before = read(desk, receipt)
    erase_later(desk, "a")
    hidden = [("entered", None), ("entered", "b"), ("exited", None)]
    assert kept(desk, receipt) == [("entered", "a"), ("entered", "b"), ("exited", "a")]
    assert shown(desk, receipt) == hidden
    assert read(desk, receipt).tag != before.tag, "whoever holds the old answer keeps it"
    redact_history.run(desk.pool, now=desk.clock())
    assert kept(desk, receipt) == shown(desk, receipt) == hidden
    assert read(desk, receipt).tag != before.tag
    assert left(desk) == []


def test_erase__of_other_places_and_people__hides_nothing(desk: Desk) -> None:
    receipt = send_history(desk)
    before = read(desk, receipt)
    erase_later(desk, "a", erase.Where(source=desk.slug, project_id="another"))
    erase_later(desk, "a", erase.Where(source="nowhere"))
    assert read(desk, receipt) == before
    erase_later(desk, "z")
    assert shown(desk, receipt) == kept(desk, receipt)
    redact_history.run(desk.pool, now=desk.clock())
    assert (read(desk, receipt), left(desk)) == (before, [])


def test_erase__then_a_later_session__is_shown_from_its_entry_on(desk: Desk) -> None:
    send_history(desk)
    erase_later(desk, "a")
    desk.settle(desk.send(ADD, "s3", "a"))
    receipt = desk.send(REMOVE, "s4", "a")
    desk.settle(receipt)
    then = [
        ("entered", None),
        ("entered", "b"),
        ("exited", None),
        ("entered", "a"),
        ("exited", "a"),
    ]
    assert shown(desk, receipt) == then
    redact_history.run(desk.pool, now=desk.clock())
    assert kept(desk, receipt) == then


def test_redact__slice_by_slice__goes_on_where_it_was(desk: Desk) -> None:
    receipts = [send_history(desk, f"cohort-{number}") for number in range(3)]
    ids = [receipt.cohort_id for receipt in receipts]
    erase_later(desk, "a")
    erase_later(desk, "b")
    for reached in ids[:2]:
        redact_history.run(desk.pool, now=desk.clock(), seconds=0, slice_cohorts=1)
        assert left(desk) == [("a", reached), ("b", history_redactions.START)]
    named = [{who for _, who in kept(desk, one)} for one in receipts]
    assert named == [{None, "b"}, {None, "b"}, {None, "a", "b"}]
    assert [who for _, who in shown(desk, receipts[2])] == [None, None, None, None]
    with desk.pool.read() as conn:
        order = history_redactions.oldest(conn)
    assert order is not None
    assert redact_history.begin(desk.pool, order, now=desk.clock(), seconds=60, slice_cohorts=1)
    redact_history.run(desk.pool, now=desk.clock(), slice_cohorts=1)
    assert left(desk) == []
    assert {who for one in receipts for _, who in kept(desk, one)} == {None}


def test_redact__by_two_at_once__goes_as_far_as_the_one_ahead(desk: Desk) -> None:
    receipt = send_history(desk)
    erase_later(desk, "a")
    with desk.pool.begin() as conn:
        order = history_redactions.oldest(conn)
        assert order is not None
        due = history_redactions.get(conn, order)
        assert due is not None
        history_redactions.advance(conn, due, after=receipt.cohort_id)
        history_redactions.advance(conn, due, after=receipt.cohort_id - 1)
    assert left(desk) == [("a", receipt.cohort_id)]
    redact_history.run(desk.pool, now=desk.clock())
    assert redact_history.begin(desk.pool, order, now=desk.clock(), seconds=1), "it is through"


def test_redact__held_up_by_whoever_has_a_cohort__leaves_it_hidden_for_later(desk: Desk) -> None:
    receipt = send_history(desk)
    erase_later(desk, "a")
    with desk.pool.read() as conn:
        order = history_redactions.oldest(conn)
    assert order is not None
    with traffic.applying(desk.pool, receipt.cohort_id):
        assert not redact_history.begin(
            desk.pool, order, now=desk.clock(), seconds=5, lock_seconds=0.1
        )
        assert "a" not in {who for _, who in shown(desk, receipt)}
    redact_history.run(desk.pool, now=desk.clock())
    assert "a" not in {who for _, who in kept(desk, receipt)}


def test_redact__of_an_erasure_that_was_given_up__takes_the_person_out(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "ab")
    desk.settle(receipt)
    with traffic.applying(desk.pool, receipt.cohort_id), pytest.raises(errors.Unavailable):
        erase.erase(desk.pool, "a", erase.Where(), now=desk.clock(), lock_seconds=0.1)
    redact_history.run(desk.pool, now=desk.clock())
    assert desk.members(receipt) == "b"
    assert kept(desk, receipt) == [("entered", None), ("entered", "b"), ("exited", None)]


def test_slice__of_long_histories__is_one_cohort_at_least() -> None:
    most = redact_history.SLICE_CHANGES
    assert redact_history.as_many([Extent(cohort_id=1, changes=most + 1)]) == [1]
    extents = [Extent(cohort_id=number, changes=most // 2) for number in (1, 2, 3)]
    assert redact_history.as_many(extents) == [1, 2]
    assert redact_history.as_many([]) == []


_REDACTIONS = text("SELECT member_id, after_cohort FROM redactions ORDER BY erased_order")
