"""The sweeper: nothing that waits is forgotten, whoever is down."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway import errors
from gateway.flows.apply import Applier
from gateway.flows.sweep import sweep
from gateway.jobs import Doorbell
from gateway.store import apply_state, heartbeats, staging
from gateway.store.engine import Pool
from tests.model import book
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    from tests.model.desk import Desk


class LateRest:
    """A file whose first line is there and whose rest comes when it is told to."""

    def __init__(self) -> None:
        self.is_asked_for, self.comes = threading.Event(), threading.Event()
        self._lines = iter([b"a\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n"])

    def read(self, _size: int) -> bytes:
        """Return what there is, or wait for it."""
        for line in self._lines:
            return line
        self.is_asked_for.set()
        assert self.comes.wait(30)
        return b""


def beat(pool: Pool) -> None:
    with pool.begin() as conn:
        heartbeats.join(conn, "worker-1", heartbeats.WORKER)


def test_sweep__worker_alive_and_redis_up__rings_for_every_waiting_cohort(
    desk: Desk, pool: Pool
) -> None:
    beat(pool)
    first = desk.send(ADD, "s", "a")
    second = desk.send(ADD, "s", "b", cohort="cohort-2")
    desk.settle(desk.send(ADD, "s", "c", cohort="cohort-3"))
    desk.bell.rung.clear()
    assert sweep(pool, desk.applier, desk.bell) == 2
    assert sorted(desk.bell.rung) == sorted([first.cohort_id, second.cohort_id])
    assert book.standing(pool, first.cohort_id).through == 0


def test_sweep__redis_down__drains(desk: Desk, pool: Pool) -> None:
    beat(pool)
    receipt = desk.send(ADD, "s", "a")
    assert sweep(pool, desk.applier, Doorbell("redis://127.0.0.1:1/0")) == 1
    assert list(book.standing(pool, receipt.cohort_id).members) == ["a"]
    assert sweep(pool, desk.applier, desk.bell) == 0


def test_sweep__no_worker_alive__drains(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "s", "a")
    sweep(pool, desk.applier, desk.bell)
    assert list(book.standing(pool, receipt.cohort_id).members) == ["a"]


def test_sweep__refresh_whose_rest_did_not_come__adds_it(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(MEMBERS, "s", "a", page=(1, 2))
    sweep(pool, desk.applier, desk.bell)
    assert book.standing(pool, receipt.cohort_id).members == {}
    desk.clock.tick(4)
    sweep(pool, desk.applier, desk.bell)
    assert list(book.standing(pool, receipt.cohort_id).members) == ["a"]


def test_sweep__retry_that_nobody_heard_of__is_done(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "s", "a")
    desk.settle(receipt)
    with pool.begin() as conn:
        conn.execute(_ASK, {"cohort_id": receipt.cohort_id, "now": desk.clock()})
    assert sweep(pool, desk.applier, desk.bell) == 1
    assert book.blocked(pool, receipt.cohort_id) == []


def test_sweep__somebody_frozen_in_a_copy__loses_the_cohort(
    desk: Desk, pool: Pool, database_url: str
) -> None:
    receipt = desk.send(ADD, "s", "a")
    applying = Pool(database_url, name="apply", size=1, limit_seconds=60)
    rest = LateRest()
    trouble: list[errors.GatewayError] = []

    def freeze() -> None:
        try:
            with applying.begin() as conn:
                assert apply_state.claim(conn, receipt.cohort_id) is not None
                staging.prepare(conn)
                conn.connection.cursor().copy_expert("COPY staging FROM STDIN", rest)
        except errors.GatewayError as error:
            trouble.append(error)

    thread = threading.Thread(target=freeze)
    thread.start()
    assert rest.is_asked_for.wait(10)
    sweep(pool, desk.applier, desk.bell)
    assert book.standing(pool, receipt.cohort_id).through == 0, "it is not silent for long enough"
    sweep(pool, desk.applier, desk.bell, frozen_seconds=0.0)
    assert book.standing(pool, receipt.cohort_id).through == 1
    rest.comes.set()
    thread.join(10)
    applying.close()
    assert [type(one) for one in trouble] == [errors.Unavailable]


def test_sweep__trouble_with_one_cohort__does_not_stop_the_others(
    desk: Desk, pool: Pool, database_url: str
) -> None:
    receipts = [desk.send(ADD, "s", "a", cohort=f"cohort-{number}") for number in (1, 2)]
    dead = Pool(database_url.replace("gateway:", "nobody:"), name="test", size=1, limit_seconds=5)
    assert sweep(pool, Applier(dead, now=desk.clock), desk.bell) == 2
    assert [book.standing(pool, one.cohort_id).through for one in receipts] == [0, 0]


_ASK = text("""
    INSERT INTO blocked_deliveries
        (cohort_id, number, attempts, code, reason, blocked_at, retry_requested_at)
    VALUES (:cohort_id, 1, 3, 'poison', 'it was', :now, :now)
""")
