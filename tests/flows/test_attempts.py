"""Attempts count before the work: a page at which workers are killed is blocked, it alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.step import MAX_LOST
from gateway.flows.cohorts.work import Outcome
from gateway.store.cohorts import apply_state, attempts, backlog
from gateway.store.db.engine import Pool
from tests.flows.test_blocked import retry, spoil
from tests.model import book
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.flows.cohorts.submit import Receipt
    from tests.model.desk import Desk


def lose(desk: Desk, receipt: Receipt, *, times: int, through: int) -> None:
    """Begin attempts as workers do that are killed in them."""
    for number in range(times):
        with desk.pool.single() as conn:
            attempts.begin(conn, receipt.cohort_id, worker=f"killed {number}", through=through)


def test_page__that_kills_worker_after_worker__is_blocked_and_the_rest_goes_on(desk: Desk) -> None:
    desk.settle(desk.send(ADD, "before", "a"))
    bad = desk.send(ADD, "bad", "b")
    desk.send(ADD, "after", "c")
    lose(desk, bad, times=MAX_LOST, through=2)
    assert desk.members(bad) == "ac"
    with desk.pool.read() as conn:
        (delivery,) = backlog.listing(conn, state=None, after=(0, 0), limit=10)
    assert (delivery.number, delivery.code) == (bad.number, "worker_lost")
    retry(desk, bad)
    assert desk.members(bad) == "abc"


def test_page__whose_workers_were_killed_less_often__is_applied(desk: Desk) -> None:
    receipt = desk.send(ADD, "s", "a")
    lose(desk, receipt, times=MAX_LOST - 1, through=1)
    assert desk.members(receipt) == "a"
    lose(desk, desk.send(ADD, "t", "b"), times=MAX_LOST - 1, through=2)
    assert desk.members(receipt) == "ab"


@pytest.mark.parametrize("action", [ADD, MEMBERS])
def test_pages__merged_when_their_worker_was_killed__are_tried_one_by_one(
    desk: Desk, action: str
) -> None:
    sent = [desk.send(action, "s", one, page=(n, 5)) for n, one in enumerate("abcde", start=1)]
    receipt = sent[-1]
    lose(desk, receipt, times=1, through=4)
    through = []
    while desk.applier.step(receipt.cohort_id) is Outcome.WORKED:
        through.append(book.standing(desk.pool, receipt.cohort_id).through)
    assert through == [1, 2, 3, 4, 5]
    assert desk.members(receipt) == "abcde"
    assert set(desk.states(receipt).values()) == {"applied"}


def test_blocked_page__whose_retries_kill_workers__is_blocked_again(desk: Desk) -> None:
    bad = desk.send(ADD, "s", "a")
    good = spoil(desk, bad)
    desk.settle(bad)
    lose(desk, bad, times=MAX_LOST, through=1)
    retry(desk, bad, repaired=good)
    assert book.blocked(desk.pool, bad.cohort_id) == [1]
    retry(desk, bad)
    assert desk.members(bad) == "a"


def test_attempt__that_fails__is_no_lost_worker(desk: Desk) -> None:
    receipt = desk.send(ADD, "s", "a")
    good = spoil(desk, receipt)
    for _ in range(2):
        with pytest.raises(errors.Poison):
            desk.applier.step(receipt.cohort_id)
        assert of(desk, receipt) == (None, 0)
    spoil(desk, receipt, good)
    assert desk.members(receipt) == "a"


def test_attempt__that_cannot_be_taken_back__is_taken_back_with_the_next(
    desk: Desk, database_url: str
) -> None:
    receipt = desk.send(ADD, "s", "a")
    good = spoil(desk, receipt)
    pool = Failing(database_url, name="test", size=2, limit_seconds=10)
    applier = Applier(pool, now=desk.clock)
    pool.fails_from = 2
    with pytest.raises(errors.Poison):
        applier.step(receipt.cohort_id)
    assert of(desk, receipt)[0] is not None
    pool.fails_from = 100
    applier.step(desk.send(ADD, "s", "b", cohort="cohort-2").cohort_id)
    assert of(desk, receipt) == (None, 0)
    spoil(desk, receipt, good)
    assert desk.members(receipt) == "a"
    pool.close()


def test_step__somebody_else_applies_this_cohort__counts_no_attempt(desk: Desk) -> None:
    receipt = desk.send(ADD, "s", "a")
    lose(desk, receipt, times=1, through=1)
    with desk.pool.begin() as conn:
        assert apply_state.claim(conn, receipt.cohort_id) is not None
        for _ in range(MAX_LOST + 1):
            assert desk.applier.step(receipt.cohort_id) is Outcome.BUSY
        assert of(desk, receipt) == ("killed 0", 0)
    assert desk.members(receipt) == "a"


def test_step__that_finds_nothing_to_do_or_waits__begins_no_attempt(desk: Desk) -> None:
    receipt = desk.send(MEMBERS, "s", "a", page=(1, 2))
    assert desk.applier.step(receipt.cohort_id) is Outcome.WAITING
    with desk.pool.read() as conn:
        assert conn.execute(_ATTEMPTS).all() == []


class Failing(Pool):
    """A pool whose single trips fail from one on."""

    fails_from = 100
    trips = 0

    @contextlib.contextmanager
    def single(self) -> Iterator[Connection]:
        """Lend a connection, or not."""
        self.trips += 1
        if self.trips >= self.fails_from:
            message = "away"
            raise errors.Unavailable(message)
        with super().single() as conn:
            yield conn


def of(desk: Desk, receipt: Receipt) -> tuple[str | None, int]:
    """Read which worker is at a cohort, and how many were lost in a row."""
    with desk.pool.read() as conn:
        row = conn.execute(_ATTEMPTS).one()
    assert row.cohort_id == receipt.cohort_id
    return row.worker, row.lost


_ATTEMPTS = text("SELECT * FROM attempts ORDER BY cohort_id LIMIT 1")
