"""Two connections wherever two can meet: at one cohort's door, and at its lock."""

from __future__ import annotations

import contextlib
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts.apply import MAX_ATTEMPTS, Applier, Drained
from gateway.flows.cohorts.submit import Outcome as Answer
from gateway.flows.cohorts.work import Outcome
from gateway.store.cohorts import apply_state, backlog, inbox
from gateway.store.db.engine import Pool
from tests.model import book
from tests.model.desk import START
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence

    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.db.statement import Pipeline
    from tests.model.desk import Desk

AT_ONCE = 10


def all_at_once(calls: Sequence[Callable[[], Receipt]]) -> list[Receipt]:
    """Start every call at the same moment and collect what they return."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Receipt]) -> Receipt:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as crew:
        return list(crew.map(run, calls))


class PausingPool(Pool):
    """Calls something before each commit of a pipeline, while its locks are still held."""

    def __init__(self, url: str, call: Callable[[], None]) -> None:
        super().__init__(url, name="test", size=2, limit_seconds=5)
        self._call = call

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """Open one."""
        with super().pipeline() as trip:
            yield trip
            self._call()


def drained(desk: Desk, database_url: str, before_commit: Callable[[], None], cohort: int) -> bool:
    """Drain a cohort to its end while something happens before each commit."""
    pool = PausingPool(database_url, before_commit)
    done = Applier(pool, now=desk.clock).drain(cohort) is Drained.DONE
    pool.close()
    return done


def test_accept__first_pages_of_a_cohort_at_once__make_one_cohort(desk: Desk, pool: Pool) -> None:
    receipts = all_at_once(
        [functools.partial(desk.send, ADD, f"session-{one}", one) for one in "abcdefghij"]
    )
    assert len({receipt.cohort_id for receipt in receipts}) == 1
    assert {receipt.number for receipt in receipts} == set(range(1, AT_ONCE + 1))
    assert desk.members(receipts[0]) == "abcdefghij"
    with pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM cohorts")).scalar_one() == 1


def test_accept__equal_pages_at_once__store_one_delivery(desk: Desk) -> None:
    receipts = all_at_once([lambda: desk.send(ADD, "s", "a")] * AT_ONCE)
    outcomes = [receipt.outcome for receipt in receipts]
    assert outcomes.count(Answer.ACCEPTED) == 1
    assert outcomes.count(Answer.DUPLICATE) == AT_ONCE - 1
    assert book.standing(desk.pool, receipts[0].cohort_id).received == 1


def test_accept__while_a_cohort_is_being_applied__does_not_wait(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "one", "a")
    with pool.begin() as conn:
        assert apply_state.claim(conn, receipt.cohort_id) is not None
        with ThreadPoolExecutor(1) as crew:
            posted = crew.submit(desk.send, ADD, "two", "b")
            assert posted.result(timeout=5).number == 2
    assert desk.members(receipt) == "ab"


def test_step__somebody_else_applies_this_cohort__is_busy_at_once(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "s", "a")
    other = desk.send(ADD, "s", "b", cohort="cohort-2")
    with pool.begin() as conn:
        assert apply_state.claim(conn, receipt.cohort_id) is not None
        assert desk.applier.step(receipt.cohort_id) is Outcome.BUSY
        assert desk.applier.drain(receipt.cohort_id) is Drained.DONE
        assert desk.members(other) == "b"
    assert desk.members(receipt) == "a"


def test_drain__page_comes_after_its_last_look__is_not_left_behind(
    desk: Desk, database_url: str
) -> None:
    receipt = desk.send(ADD, "one", "a")
    desk.settle(receipt)
    met: list[Outcome] = []

    def post_in_the_gap() -> None:
        if not met:
            met.append(Outcome.WORKED)
            desk.send(ADD, "two", "b")
            met[0] = desk.applier.step(receipt.cohort_id)

    assert drained(desk, database_url, post_in_the_gap, receipt.cohort_id)
    assert met == [Outcome.BUSY]
    assert list(book.standing(desk.pool, receipt.cohort_id).members) == ["a", "b"]


def test_drain__last_page_comes_while_it_decides_to_wait__is_not_left_behind(
    desk: Desk, database_url: str
) -> None:
    receipt = desk.send(MEMBERS, "s", "a", page=(1, 2))
    met: list[Outcome] = []

    def post_in_the_gap() -> None:
        if not met:
            met.append(Outcome.WORKED)
            desk.send(MEMBERS, "s", "b", page=(2, 2))
            met[0] = desk.applier.step(receipt.cohort_id)

    assert drained(desk, database_url, post_in_the_gap, receipt.cohort_id)
    assert met == [Outcome.BUSY]
    assert list(book.standing(desk.pool, receipt.cohort_id).members) == ["a", "b"]


def test_drain__page_comes_between_claim_and_look__is_seen(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "one", "a")
    desk.settle(receipt)

    def post_and_tell_the_time() -> datetime.datetime:
        desk.send(ADD, "two", "b")
        return START

    applier = Applier(pool, now=post_and_tell_the_time)
    assert applier.step(receipt.cohort_id) is Outcome.WORKED
    assert list(book.standing(pool, receipt.cohort_id).members) == ["a", "b"]


def test_note_failure__somebody_else_took_over__leaves_it_to_them(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "one", "a")
    with pool.begin() as conn:
        conn.execute(text("UPDATE deliveries SET roster = 'x'"))
    with pool.begin() as conn:
        taken = apply_state.claim(conn, receipt.cohort_id)
        desk.applier._note_failure(receipt.cohort_id, ValueError(), number=1)  # noqa: SLF001
    assert taken is not None
    assert book.standing(pool, receipt.cohort_id).attempts == 0
    with pool.read() as conn:
        assert inbox.is_waiting(conn, receipt.cohort_id)


def test_note_failure__somebody_else_got_past_it__blocks_no_later_page(desk: Desk) -> None:
    receipt = desk.send(ADD, "one", "a")
    desk.settle(receipt)
    for _ in range(MAX_ATTEMPTS):
        poison = errors.Poison("refused", sqlstate="22000")
        for number in (1, 2, None):
            desk.applier._note_failure(receipt.cohort_id, poison, number=number)  # noqa: SLF001
    assert desk.members(desk.send(ADD, "two", "b")) == "ab"


def test_note_failure__another_page_is_asked_for_again_meanwhile__is_not_blamed_on_that(
    desk: Desk, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = desk.send(ADD, "one", "ab")
    with damaged(pool, receipt.cohort_id, 1):
        desk.settle(receipt)
    desk.send(ADD, "two", "cd")
    note_failure = Applier._note_failure  # noqa: SLF001 - what happens just before it is the point
    asked: list[bool] = []

    def ask_first(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        if not asked:
            with pool.begin() as conn:
                asked.append(backlog.request_retry(conn, receipt.cohort_id, 1, now=desk.clock()))
        note_failure(*args, **kwargs)

    monkeypatch.setattr(Applier, "_note_failure", ask_first)
    with damaged(pool, receipt.cohort_id, 2):
        assert desk.members(receipt) == "ab"
    assert asked == [True]
    assert book.blocked(pool, receipt.cohort_id) == [2]


@contextlib.contextmanager
def damaged(pool: Pool, cohort_id: int, number: int) -> Iterator[None]:
    """Damage a stored page for a while."""
    place = {"cohort_id": cohort_id, "number": number}
    with pool.begin() as conn:
        roster = conn.execute(_ROSTER, place).scalar_one()
        conn.execute(_STORE_ROSTER, place | {"roster": b"x"})
    yield
    with pool.begin() as conn:
        conn.execute(_STORE_ROSTER, place | {"roster": bytes(roster)})


_ROSTER = text(
    "SELECT roster FROM deliveries WHERE cohort_id = :cohort_id AND number = :number FOR UPDATE"
)

_STORE_ROSTER = text("""
    UPDATE deliveries SET roster = :roster WHERE cohort_id = :cohort_id AND number = :number
""")
