"""Pages that can never be applied: set aside, kept, and applied late if an operator says so."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.flows.cohorts.apply import BROKEN_SECONDS, MAX_ATTEMPTS, Drained
from gateway.flows.cohorts.work import Outcome
from gateway.store.cohorts import backlog, inbox
from tests.model import book
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.flows.cohorts.submit import Receipt
    from tests.model.desk import Desk

# Each is refused for another reason: by zstd, by COPY, by a type, by a constraint.
POISON = {
    "garbage": b"this is not zstd",
    "cut short": inbox.pack(b"a" * 1000)[:-3],
    "too few columns": inbox.pack(b"only one column\n"),
    "not UTF-8": inbox.pack(b"\xff" + b"\t\\N" * 6 + b"\n"),
    "not JSON": inbox.pack(b"a" + b"\t\\N" * 5 + b"\t{\n"),
    "no id": inbox.pack(b"\\N" + b"\t\\N" * 6 + b"\n"),
}
BAD = POISON["garbage"]


def spoil(desk: Desk, receipt: Receipt, packed: bytes = BAD) -> bytes:
    """Overwrite a stored page; returns what it was."""
    key = {"cohort_id": receipt.cohort_id, "number": receipt.number}
    with desk.pool.begin() as conn:
        old = conn.execute(_ROSTER, key).scalar_one()
        conn.execute(_SPOIL, key | {"roster": packed})
    return bytes(old)


def retry(desk: Desk, receipt: Receipt, *, repaired: bytes | None = None) -> None:
    """Ask for another try, as an operator does, perhaps after mending the stored page."""
    if repaired is not None:
        spoil(desk, receipt, repaired)
    assert receipt.number is not None
    with desk.pool.begin() as conn:
        assert backlog.request_retry(conn, receipt.cohort_id, receipt.number, now=desk.clock())
    desk.applier.drain(receipt.cohort_id)


def counts(desk: Desk) -> tuple[int, int]:
    """Count pending and blocked deliveries as `/v1/status` does."""
    with desk.pool.read() as conn:
        totals = backlog.totals(conn, now=desk.clock())
        assert inbox.pending_pages(conn) == totals.pending
    return totals.pending, totals.blocked


# Of who is removed only the id is read.
KINDS = [
    (action, kind)
    for action in (ADD, REMOVE, MEMBERS)
    for kind in POISON
    if (action, kind) != (REMOVE, "not JSON")
]


@pytest.mark.parametrize(("action", "kind"), KINDS)
def test_poison__of_any_kind__is_set_aside_and_the_rest_goes_on(
    desk: Desk, kind: str, action: str
) -> None:
    desk.send(ADD, "before", "a")
    bad = desk.send(action, "bad", "b")
    spoil(desk, bad, POISON[kind])
    desk.send(ADD, "after", "c")
    assert desk.members(bad) == "ac"
    assert book.blocked(desk.pool, bad.cohort_id) == [bad.number]
    assert desk.states(bad)[f"bad {action}"] == "blocked"
    assert counts(desk) == (0, 1)


def test_poison__among_merged_pages__is_found_and_the_others_are_applied(desk: Desk) -> None:
    desk.send(ADD, "s", "a", page=(1, 3))
    bad = desk.send(ADD, "s", "b", page=(2, 3))
    spoil(desk, bad)
    desk.send(ADD, "s", "c", page=(3, 3))
    assert desk.members(bad) == "ac"
    assert book.blocked(desk.pool, bad.cohort_id) == [2]
    assert desk.states(bad) == {"s add_members": "blocked"}


def test_poison__before_its_last_attempt__stays_at_the_head(desk: Desk) -> None:
    bad = desk.send(ADD, "s", "a")
    spoil(desk, bad)
    desk.applier.drain(bad.cohort_id, budget_seconds=-1)
    assert counts(desk) == (1, 0)
    desk.settle(bad)
    with desk.pool.read() as conn:
        (delivery,) = backlog.listing(conn, state=None, after=(0, 0), limit=10)
    assert (delivery.attempts, delivery.code) == (MAX_ATTEMPTS, "poison")
    assert delivery.reason is not None
    assert "unpacked" in delivery.reason


def test_poison__in_one_cohort__does_not_stop_another(desk: Desk) -> None:
    spoil(desk, desk.send(ADD, "s", "a"))
    assert desk.members(desk.send(ADD, "s", "b", cohort="cohort-2")) == "b"


def test_refresh__with_a_blocked_page__does_not_complete(desk: Desk) -> None:
    desk.send(ADD, "old", "x")
    bad = desk.send(MEMBERS, "s", "a", page=(1, 2))
    spoil(desk, bad)
    desk.send(MEMBERS, "s", "b", page=(2, 2))
    assert desk.members(bad) == "bx"
    assert desk.states(bad)["s members"] == "blocked"


def test_refresh__with_its_newest_content_blocked__does_not_complete_with_the_old(
    desk: Desk,
) -> None:
    desk.send(ADD, "old", "x")
    desk.send(MEMBERS, "s", "a", page=(1, 2))
    bad = desk.send(MEMBERS, "s", "b", page=(1, 2))
    good = spoil(desk, bad)
    desk.send(MEMBERS, "s", "c", page=(2, 2))
    assert desk.members(bad) == "acx"
    retry(desk, bad, repaired=good)
    assert desk.members(bad) == "bc"


def test_refresh__with_its_largest_total_blocked__does_not_complete(desk: Desk) -> None:
    desk.send(ADD, "old", "x")
    desk.send(MEMBERS, "s", "xa")
    bad = desk.send(MEMBERS, "s", "b", page=(2, 2))
    spoil(desk, bad)
    desk.send(MEMBERS, "s", "c", page=(1, 1))
    assert desk.members(bad) == "acx"


def test_retry__of_a_repaired_refresh_page__completes_it(desk: Desk) -> None:
    desk.send(ADD, "old", "x")
    bad = desk.send(MEMBERS, "s", "a", page=(1, 2))
    good = spoil(desk, bad)
    desk.send(MEMBERS, "s", "b", page=(2, 2))
    desk.send(ADD, "newer", "y")
    assert desk.members(bad) == "bxy"
    retry(desk, bad, repaired=good)
    assert desk.members(bad) == "aby"
    assert desk.states(bad)["s members"] == "applied"
    assert counts(desk) == (0, 0)


def test_retry__of_one_of_two_blocked_pages__adds_but_does_not_complete(desk: Desk) -> None:
    desk.send(ADD, "old", "x")
    first = desk.send(MEMBERS, "s", "a", page=(1, 2))
    second = desk.send(MEMBERS, "s", "b", page=(2, 2))
    good = [spoil(desk, first), spoil(desk, second)]
    assert desk.members(first) == "x"
    retry(desk, second, repaired=good[1])
    assert desk.members(first) == "bx"
    retry(desk, first, repaired=good[0])
    assert desk.members(first) == "ab"


def test_retry__of_a_page_named_again_later_in_its_session__leaves_those_alone(
    desk: Desk,
) -> None:
    bad = desk.send(ADD, "s", "abc", page=(1, 3))
    good = spoil(desk, bad)
    desk.send(ADD, "s", "B", page=(2, 3))
    desk.send(REMOVE, "s", "c")
    desk.settle(bad)
    retry(desk, bad, repaired=good)
    assert desk.settle(bad).members == {"a": "a@example.com", "b": "B@example.com"}


def test_retry__of_people_touched_by_newer_sessions__leaves_those_alone(desk: Desk) -> None:
    bad = desk.send(REMOVE, "s", "ab")
    good = spoil(desk, bad)
    desk.send(ADD, "newer", "a")
    desk.send(ADD, "s", "b", page=(2, 2))
    desk.settle(bad)
    retry(desk, bad, repaired=good)
    assert desk.members(bad) == "ab"


def test_retry__after_a_newer_refresh_completed__changes_nothing(desk: Desk) -> None:
    bad = desk.send(ADD, "s", "a")
    good = spoil(desk, bad)
    desk.send(MEMBERS, "newer", "b")
    desk.settle(bad)
    retry(desk, bad, repaired=good)
    assert desk.members(bad) == "b"
    assert book.blocked(desk.pool, bad.cohort_id) == []
    assert desk.states(bad)["s add_members"] == "superseded"


def test_retry__in_vain__blocks_it_again_at_once(desk: Desk) -> None:
    bad = desk.send(ADD, "s", "a")
    good = spoil(desk, bad)
    desk.settle(bad)
    retry(desk, bad)
    assert counts(desk) == (0, 1)
    with desk.pool.read() as conn:
        (delivery,) = backlog.listing(conn, state=None, after=(0, 0), limit=10)
    assert delivery.attempts == MAX_ATTEMPTS + 1
    retry(desk, bad, repaired=good)
    assert desk.members(bad) == "a"
    assert desk.states(bad) == {"s add_members": "applied"}


def test_retry__of_a_page_that_has_expired__is_forgotten(desk: Desk) -> None:
    bad = desk.send(ADD, "s", "a")
    spoil(desk, bad)
    desk.settle(bad)
    assert bad.number is not None
    with desk.pool.begin() as conn:
        backlog.request_retry(conn, bad.cohort_id, bad.number, now=desk.clock())
        conn.execute(text("DELETE FROM deliveries"))
    assert desk.applier.step(bad.cohort_id) is Outcome.WORKED
    assert counts(desk) == (0, 0)


def test_retry__while_pages_wait__comes_first(desk: Desk) -> None:
    bad = desk.send(ADD, "s", "a")
    good = spoil(desk, bad)
    desk.settle(bad)
    spoil(desk, bad, good)
    assert bad.number is not None
    with desk.pool.begin() as conn:
        assert backlog.request_retry(conn, bad.cohort_id, bad.number, now=desk.clock())
    desk.send(REMOVE, "s", "a")
    assert counts(desk) == (2, 0)
    assert desk.members(bad) == ""
    assert [kind for kind, _, _ in book.moves(desk.pool, bad.cohort_id)] == ["entered", "exited"]


_ROSTER = text("SELECT roster FROM deliveries WHERE cohort_id = :cohort_id AND number = :number")

_SPOIL = text("""
    UPDATE deliveries SET roster = :roster WHERE cohort_id = :cohort_id AND number = :number
""")


def test_failure__that_is_no_fault_of_the_page__is_waited_out_and_blocks_nothing(
    desk: Desk,
) -> None:
    receipt = desk.send(ADD, "s", "a")
    rename(desk, "memberships", "elsewhere")
    assert desk.applier.drain(receipt.cohort_id) is Drained.DONE
    assert desk.applier.drain(receipt.cohort_id) is Drained.DONE
    rename(desk, "elsewhere", "memberships")
    assert counts(desk) == (1, 0)
    assert book.standing(desk.pool, receipt.cohort_id).attempts == 2
    desk.settle(receipt)
    assert desk.members(receipt) == "a"


def test_internal_error_of_postgres__is_tried_for_a_while_and_then_blocks_its_page(
    desk: Desk,
) -> None:
    bad = desk.send(ADD, "s", "a")
    desk.send(ADD, "s2", "b")
    with falling_over(desk):
        for _ in range(100):  # each page that comes in is an attempt
            assert desk.applier.drain(bad.cohort_id) is Drained.DONE
            desk.clock.tick(BROKEN_SECONDS / 101)
        assert counts(desk) == (2, 0)
        desk.clock.tick(BROKEN_SECONDS / 101)
        desk.settle(bad)
        assert counts(desk) == (1, 1)
        assert desk.members(bad) == "b"
        with desk.pool.read() as conn:
            (delivery,) = backlog.listing(conn, state=None, after=(0, 0), limit=10)
        assert (delivery.attempts, delivery.code) == (101, "internal_fault")
    retry(desk, bad)
    assert desk.members(bad) == "ab"


def test_internal_error_of_postgres__after_a_long_pause__is_tried_as_often_as_poison(
    desk: Desk,
) -> None:
    bad = desk.send(ADD, "s", "a")
    with falling_over(desk):
        for _ in range(MAX_ATTEMPTS - 1):
            assert desk.applier.drain(bad.cohort_id) is Drained.DONE
            desk.clock.tick(BROKEN_SECONDS)
        assert counts(desk) == (1, 0)
        desk.settle(bad)
        assert counts(desk) == (0, 1)


def test_internal_error_of_postgres__after_another_that_passed__gets_all_the_time_anew(
    desk: Desk,
) -> None:
    receipt = desk.send(ADD, "s", "a")
    with falling_over(desk):
        assert desk.applier.drain(receipt.cohort_id) is Drained.DONE
    desk.settle(receipt)
    desk.clock.tick(BROKEN_SECONDS)
    desk.send(REMOVE, "s2", "a")
    desk.settle(receipt)
    desk.send(ADD, "s3", "a")
    with falling_over(desk):
        for _ in range(MAX_ATTEMPTS):
            assert desk.applier.drain(receipt.cohort_id) is Drained.DONE
    assert counts(desk) == (1, 0)


@contextlib.contextmanager
def falling_over(desk: Desk) -> Iterator[None]:
    """Let Postgres have an internal error whenever a is made a member."""
    with desk.pool.begin() as conn:
        conn.execute(_FALL_OVER)
        conn.execute(_WHENEVER_MADE_MEMBER)
    try:
        yield
    finally:
        with desk.pool.begin() as conn:
            conn.execute(text("DROP FUNCTION fall_over() CASCADE"))


def rename(desk: Desk, old: str, new: str) -> None:
    """Rename a table, as a migration half rolled out may."""
    with desk.pool.begin() as conn:
        conn.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


_FALL_OVER = text("""
    CREATE FUNCTION fall_over() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'odd' USING ERRCODE = 'internal_error'; END $$
""")

_WHENEVER_MADE_MEMBER = text("""
    CREATE TRIGGER fall_over BEFORE INSERT ON memberships
    FOR EACH ROW WHEN (new.member_id = 'a') EXECUTE FUNCTION fall_over()
""")
