"""What older sessions still say of people who were erased, and brought back since."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from gateway.core.cohorts import member_rows
from gateway.flows.cohorts import admin, erase, redact_pages
from gateway.store.cohorts import erasures, inbox, page_redactions
from tests.flows.test_blocked import retry, spoil
from tests.model import book, traffic
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from gateway.flows.cohorts.submit import Receipt
    from tests.model.desk import Desk

EVERYWHERE = erase.Where()


def brought_back(desk: Desk, members: str = "a") -> Receipt:
    """Have a person come back to a cohort by a session that is newer, and comes before an older.

    Session `old` was first heard of in another cohort; here it will be the newest.
    """
    desk.settle(desk.send(ADD, "old", "z", cohort="elsewhere"))
    for member_id in "ab":
        erase.erase(desk.pool, member_id, EVERYWHERE, now=desk.clock())
    receipt = desk.send(ADD, "new", members)
    desk.settle(receipt)
    return receipt


def kept_of(desk: Desk, receipt: Receipt) -> bytes:
    """Return what is stored of a page."""
    assert receipt.number is not None
    with desk.pool.read() as conn:
        found = dict(inbox.rosters(conn, receipt.cohort_id, [receipt.number]))
    return inbox.unpack(found[receipt.number])


@pytest.mark.parametrize(
    ("pages", "members", "moves"),
    [
        ([(MEMBERS, "ac", 1)], "ac", [("exited", "x", 2), ("entered", "c", 2)]),
        ([(MEMBERS, "AC", 1)], "ac", [("exited", "x", 2), ("entered", "c", 2)]),
        ([(MEMBERS, "c", 2), (MEMBERS, "ab", 2)], "ac", [("exited", "x", 2), ("entered", "c", 2)]),
        ([(MEMBERS, "c", 1)], "c", [("exited", "a", 2), ("exited", "x", 2), ("entered", "c", 2)]),
        ([(MEMBERS, "b", 1)], "", [("exited", "a", 2), ("exited", "x", 2)]),
        ([(MEMBERS, "ab", 1)], "a", [("exited", "x", 2)]),
        ([(REMOVE, "a", 1)], "x", [("exited", "a", 2)]),
        ([(REMOVE, "bx", 1)], "a", [("exited", "x", 2)]),
        ([(ADD, "Ab", 1)], "ax", []),
        ([(ADD, "abc", 2), (REMOVE, "a", 2)], "cx", [("entered", "c", 2), ("exited", "a", 2)]),
        ([(REMOVE, "a", 2), (ADD, "a", 2)], "x", [("exited", "a", 2)]),
    ],
)
def test_erase__older_session_speaks_of_who_was_brought_back__takes_out_or_lets_stay(
    desk: Desk,
    pages: list[tuple[str, str, int]],
    members: str,
    moves: list[tuple[str, str, int]],
) -> None:
    receipt = brought_back(desk, "ax")
    before = book.moves(desk.pool, receipt.cohort_id)
    for number, (action, named, total) in enumerate(pages, 1):
        desk.send(action, "old", named, page=(min(number, total), total))
    standing = desk.settle(receipt)
    assert "".join(sorted(standing.members)) == members
    assert book.moves(desk.pool, receipt.cohort_id) == before + moves
    assert standing.members.get("a", "a@example.com") == "a@example.com"
    assert standing.member_count == len(members)


def test_erase__removed_by_an_older_session_that_comes_later_here__is_not_added_by_the_newer(
    desk: Desk,
) -> None:
    receipt = brought_back(desk, "x")
    desk.send(REMOVE, "old", "a")
    desk.send(ADD, "new", "ac", page=(2, 2))
    assert desk.members(receipt) == "cx"
    desk.send(ADD, "newest", "a")
    assert desk.members(receipt) == "acx"


@pytest.mark.parametrize("action", [MEMBERS, REMOVE])
def test_erase__page_of_an_older_session__keeps_the_id_alone_where_it_counts(
    desk: Desk, action: str
) -> None:
    brought_back(desk)
    page = desk.send(action, "old", "ac", page=(1, 2))
    assert member_rows.member_ids(kept_of(desk, page)) == ["a", "c"]
    assert b"a@example.com" not in kept_of(desk, page)
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    assert member_rows.member_ids(kept_of(desk, page)) == ["c"]
    assert desk.members(page) == ("c" if action == MEMBERS else "")


@pytest.mark.parametrize("action", [MEMBERS, REMOVE, ADD])
def test_erase__page_of_an_older_session_that_is_older_here_too__keeps_nothing(
    desk: Desk, action: str
) -> None:
    desk.settle(desk.send(ADD, "old", "z"))
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    desk.send(ADD, "new", "a", page=(1, 2))
    page = desk.send(action, "old", "ac", page=(1, 2))
    assert member_rows.member_ids(kept_of(desk, page)) == ["c"]
    assert desk.members(page) == ("az" if action == REMOVE else "acz")


def test_erase__session_begun_in_an_earlier_life_of_the_cohort__lets_stay_who_is_back(
    desk: Desk,
) -> None:
    receipt = desk.send(ADD, "old", "az")
    desk.settle(receipt)
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    admin.delete_cohort(desk.pool, receipt.cohort_id, now=desk.clock())
    admin.restore_cohort(desk.pool, receipt.cohort_id, now=desk.clock())
    desk.send(ADD, "new", "ax")
    desk.send(MEMBERS, "old", "ac")
    assert desk.members(receipt) == "ac"
    desk.send(MEMBERS, "old", "ac")  # a replay
    assert desk.members(receipt) == "ac"
    desk.send(MEMBERS, "old", "ad")  # and once more, with other members
    assert desk.members(receipt) == "ad"


def test_erase__blocked_pages_of_an_older_session__count_when_they_are_retried(
    desk: Desk,
) -> None:
    receipt = brought_back(desk, "ax")
    removal = desk.send(REMOVE, "old", "a")
    good = spoil(desk, removal)
    assert desk.members(receipt) == "ax"
    retry(desk, removal, repaired=good)
    assert desk.members(receipt) == "x"
    desk.send(ADD, "newest", "a")
    other = desk.send(MEMBERS, "old", "a")
    good = spoil(desk, other)
    assert desk.members(receipt) == "ax"
    retry(desk, other, repaired=good)
    assert desk.members(receipt) == "a"


def test_erase__page_stored_before_it_is_scrubbed__is_left_with_ids(desk: Desk) -> None:
    """A page whose session follows one that began after an erasure nobody could see yet."""
    desk.settle(desk.send(ADD, "old", "z", cohort="elsewhere"))
    with desk.pool.begin() as conn:
        order = erasures.put(conn, "a", source=None, project_id=None, now=desk.clock())
        page_redactions.put(conn, order)
        desk.settle(desk.send(ADD, "new", "a"))
        page = desk.send(MEMBERS, "old", "ac", page=(1, 2))
    assert b"a@example.com" in kept_of(desk, page)
    redact_pages.run(desk.pool)
    assert b"a@example.com" not in kept_of(desk, page)
    before = packed_at(desk, page)
    assert redact_pages.begin(desk.pool, order, seconds=5)
    assert packed_at(desk, page) == before
    desk.send(MEMBERS, "old", "d", page=(2, 2))
    assert desk.members(page) == "acd"


def packed_at(desk: Desk, receipt: Receipt) -> str:
    """Tell which version of a stored page this is."""
    key = {"cohort_id": receipt.cohort_id, "number": receipt.number}
    with desk.pool.read() as conn:
        return str(conn.execute(_VERSION, key).scalar_one())


def test_erase__reached_the_cohort_after_a_removal_by_an_older_session__keeps_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.settle(desk.send(ADD, "old", "z", cohort="elsewhere"))
    receipt = desk.send(ADD, "first", "ax")
    desk.settle(receipt)
    concerned = erase._concerned  # noqa: SLF001 - the moment after it is the point

    def find_and_apply(*args: Any) -> list[int]:  # noqa: ANN401 - passed on
        found = concerned(*args)
        desk.send(ADD, "new", "c")
        desk.send(REMOVE, "old", "a")
        desk.settle(receipt)
        return found

    monkeypatch.setattr(erase, "_concerned", find_and_apply)
    erase.erase(desk.pool, "a", EVERYWHERE, now=desk.clock())
    desk.send(ADD, "new", "a", page=(2, 2))
    assert desk.members(receipt) == "cx"
    moves = book.moves(desk.pool, receipt.cohort_id)
    assert [(kind, who) for kind, who, _ in moves] == [
        ("entered", None),
        ("entered", "x"),
        ("entered", "c"),
        ("exited", None),
    ]


def test_erase__while_an_older_session_is_being_applied__spares_only_who_comes_back(
    desk: Desk,
) -> None:
    receipt = brought_back(desk, "ax")
    page = desk.send(MEMBERS, "old", "ac")
    desk.clock.tick(10)
    with ThreadPoolExecutor(2) as crew:
        with traffic.closed(desk.pool, "changes"):
            drained = crew.submit(desk.applier.drain, receipt.cohort_id)
            traffic.await_waiting(desk.pool, 1)
            gone = crew.submit(erase.erase, desk.pool, "a", EVERYWHERE, now=desk.clock())
            traffic.await_waiting(desk.pool, 2)
        drained.result()
        gone.result()
    assert desk.members(receipt) == "c"
    assert b"a@example.com" not in kept_of(desk, page)
    assert member_rows.member_ids(kept_of(desk, page)) == ["c"]


_VERSION = text("""
    SELECT xmin FROM deliveries WHERE cohort_id = :cohort_id AND number = :number
""")
