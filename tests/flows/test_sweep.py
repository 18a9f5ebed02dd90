"""The sweeper: nothing that waits is forgotten, whoever is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.flows.apply import Applier
from gateway.flows.sweep import sweep
from gateway.jobs import Doorbell
from gateway.store import heartbeats
from gateway.store.engine import Pool
from tests.model import book
from tests.model.sender import ADD, MEMBERS

if TYPE_CHECKING:
    from tests.model.desk import Desk


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
