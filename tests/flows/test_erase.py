"""Erasing people while others accept and apply."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from gateway import errors
from gateway.core.cohorts import member_rows
from gateway.flows.cohorts import erase
from gateway.store.cohorts import inbox, session_reports
from tests.model import book, sender, traffic
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from tests.model.desk import Desk

EVERYWHERE = erase.Where()


def kept(desk: Desk) -> set[str]:
    """Return everybody whom the inbox names."""
    with desk.pool.read() as conn:
        cohort_ids = [cohort_id for (cohort_id,) in conn.exec_driver_sql("SELECT id FROM cohorts")]
        packed = [
            one
            for cohort_id in cohort_ids
            for _, one in inbox.rosters(conn, cohort_id, range(1, 1000))
        ]
    return {who for one in packed for who in member_rows.member_ids(inbox.unpack(one))}


def test_erase__held_up_by_an_apply__is_unavailable_and_goes_on_later(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "ab")
    desk.settle(receipt)
    began = time.monotonic()
    with (
        traffic.applying(desk.pool, receipt.cohort_id),
        pytest.raises(errors.Unavailable) as problem,
    ):
        erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock(), lock_seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 3
    assert problem.value.retry_after_seconds > 0
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    assert desk.members(receipt) == "b"
    assert kept(desk) == {"b"}


def test_erase__held_up_in_many_cohorts__waits_no_longer_in_all(desk: Desk) -> None:
    receipts = [desk.send(ADD, "s1", "a", cohort=f"cohort-{number}") for number in range(3)]
    began = time.monotonic()
    with traffic.applying(desk.pool, receipts[2].cohort_id), pytest.raises(errors.Unavailable):
        erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock(), lock_seconds=0.3)
    assert time.monotonic() - began < 3


def test_erase__while_they_are_being_applied__takes_them_out_again(desk: Desk) -> None:
    receipt = desk.send(ADD, "s1", "ab")
    with ThreadPoolExecutor(2) as crew:
        with traffic.closed(desk.pool, "changes"):
            drained = crew.submit(desk.applier.drain, receipt.cohort_id)
            traffic.await_waiting(desk.pool, 1)
            erased = crew.submit(erase.erase, desk.pool, "a", EVERYWHERE, now=desk.clock())
            traffic.await_waiting(desk.pool, 2)
        drained.result()
        erased.result()
    assert desk.members(receipt) == "b"
    moves = book.moves(desk.pool, receipt.cohort_id)
    assert [(kind, who) for kind, who, _ in moves] == [
        ("entered", None),
        ("entered", "b"),
        ("exited", None),
    ]


@pytest.mark.parametrize("known", [True, False], ids=["known-cohort", "new-cohort"])
def test_erase__while_a_page_of_theirs_is_being_accepted__covers_it(
    desk: Desk, *, known: bool
) -> None:
    if known:
        desk.settle(desk.send(ADD, "s1", "b"))
    with ThreadPoolExecutor(2) as crew:
        with traffic.closed(desk.pool, "deliveries"):
            accepted = crew.submit(desk.send, ADD, "s2", "ac")
            traffic.await_waiting(desk.pool, 1)
            erased = crew.submit(erase.erase, desk.pool, "a", EVERYWHERE, now=desk.clock())
            traffic.await_waiting(desk.pool, 2)
        receipt = accepted.result()
        erased.result()
    assert "a" not in kept(desk)
    assert desk.members(receipt) == ("bc" if known else "c")


def test_erase__pages_of_sessions_that_begin_later__are_left_alone(desk: Desk) -> None:
    desk.settle(desk.send(ADD, "s1", "ab"))
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    receipt = desk.send(ADD, "s2", "a")
    erase.erase(desk.pool, "b", EVERYWHERE, now=desk.clock())
    assert kept(desk) == {"a"}
    assert desk.members(receipt) == "a"


def test_erase__of_somebody_on_many_pages__rewrites_only_those(desk: Desk) -> None:
    for number in range(1, 121):
        who = "a" if number % 40 == 1 else f"p{number}"
        page = sender.Page(
            cohort="cohort-1",
            session="s1",
            action=ADD,
            number=number,
            total=120,
            members=((who, "p@example.com"), ("z", "z@example.com")),
        )
        desk.post(page)
    before = packed(desk)
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    after = packed(desk)
    changed = [number for number, one in after.items() if before[number] != one]
    assert changed == [1, 41, 81]


def packed(desk: Desk) -> dict[int, bytes]:
    with desk.pool.read() as conn:
        (cohort_id,) = conn.exec_driver_sql("SELECT id FROM cohorts").scalars()
        return dict(inbox.rosters(conn, cohort_id, range(1, 1000)))


def test_erase__during_a_refresh__leaves_them_out_when_it_completes(desk: Desk) -> None:
    desk.send(MEMBERS, "r", "ab", page=(1, 2))
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    receipt = desk.send(MEMBERS, "r", "ac", page=(2, 2))
    assert desk.members(receipt) == "bc"
    assert kept(desk) == {"b", "c"}


@pytest.mark.parametrize(
    ("meanwhile", "then", "members"),
    [
        ([(ADD, "a")], [("exited", None, None), ("entered", "a", 2)], "ab"),
        ([(ADD, "A")], [("exited", None, None), ("entered", "a", 2)], "ab"),
        ([(MEMBERS, "ab")], [("exited", None, None), ("entered", "a", 2)], "ab"),
        ([(REMOVE, "a")], [("exited", None, 2)], "b"),
        ([(MEMBERS, "b")], [("exited", None, 2)], "b"),
        ([(ADD, "a"), (REMOVE, "a")], [("exited", None, 3)], "b"),
        ([(REMOVE, "a"), (ADD, "a")], [("exited", None, 2), ("entered", "a", 3)], "ab"),
        (
            [(REMOVE, "a"), (ADD, "a"), (REMOVE, "a")],
            [("exited", None, 2), ("entered", "a", 3), ("exited", "a", 4)],
            "b",
        ),
    ],
)
def test_erase__later_sessions_are_applied_before_the_cohort_is_reached__begins_anew(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: list[tuple[str, str]],
    then: list[tuple[str, str | None, int | None]],
    members: str,
) -> None:
    receipt = desk.send(ADD, "s1", "ab")
    desk.settle(receipt)
    before_forgetting(desk, monkeypatch, meanwhile)
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    moves = book.moves(desk.pool, receipt.cohort_id)
    assert moves == [("entered", None, 1), ("entered", "b", 1), *then]
    standing = desk.settle(receipt)
    assert "".join(sorted(standing.members)) == members
    assert (standing.member_count, standing.last_change) == (len(members), len(moves))
    with desk.pool.read() as conn:
        found = session_reports.listing(
            conn, receipt.cohort_id, before=session_reports.NEWEST, limit=10
        )
    assert found is not None
    told = {one.session: (one.entered, one.exited) for one in found.syncs}
    done = Counter((session, kind) for kind, _, session in moves)
    assert told == {n: (done[n, "entered"], done[n, "exited"]) for n in told}


def test_erase__of_somebody_whom_only_a_later_session_named__changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = desk.send(ADD, "s1", "b")
    desk.settle(receipt)
    before_forgetting(desk, monkeypatch, [(ADD, "a")])
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    assert book.moves(desk.pool, receipt.cohort_id) == [("entered", "b", 1), ("entered", "a", 2)]


def before_forgetting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pages: list[tuple[str, str]]
) -> None:
    """Have pages of new sessions applied once an erasure is noted, before it reaches a cohort."""
    concerned = erase._concerned  # noqa: SLF001 - the moment after it is the point

    def find_and_apply(*args: Any) -> list[int]:  # noqa: ANN401 - passed on
        found = concerned(*args)
        for number, (action, members) in enumerate(pages, 2):
            desk.settle(desk.send(action, f"s{number}", members))
        return found

    monkeypatch.setattr(erase, "_concerned", find_and_apply)
