"""The sweeper: nothing that waits is forgotten, whoever is down."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.sweep import HELP_SECONDS, STUCK_SECONDS, Sweeper
from gateway.flows.health import duty
from gateway.jobs import WakeUps
from gateway.store.cohorts import apply_state, staging
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats
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


def sweeper(pool: Pool, applier: Applier, bell: WakeUps, **more: Any) -> Sweeper:  # noqa: ANN401
    """Make a sweeper that knows from Postgres whether a worker is at work."""

    def alone() -> bool:
        return not duty.is_anyone_at_work(pool, heartbeats.WORKER)

    return Sweeper(pool, applier, bell, alone=alone, **more)


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
    assert sweeper(pool, desk.applier, desk.bell).sweep() == 2
    assert sorted(desk.bell.rung) == sorted([first.cohort_id, second.cohort_id])
    assert book.standing(pool, first.cohort_id).through == 0


def test_sweep__redis_down__drains(desk: Desk, pool: Pool) -> None:
    beat(pool)
    receipt = desk.send(ADD, "s", "a")
    assert sweeper(pool, desk.applier, WakeUps("redis://127.0.0.1:1/0")).sweep() == 1
    assert list(book.standing(pool, receipt.cohort_id).members) == ["a"]
    assert sweeper(pool, desk.applier, desk.bell).sweep() == 0


def test_sweep__no_worker_alive__drains(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "s", "a")
    sweeper(pool, desk.applier, desk.bell).sweep()
    assert list(book.standing(pool, receipt.cohort_id).members) == ["a"]


def test_sweep__refresh_whose_rest_did_not_come__adds_it(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(MEMBERS, "s", "a", page=(1, 2))
    sweeper(pool, desk.applier, desk.bell).sweep()
    assert book.standing(pool, receipt.cohort_id).members == {}
    desk.clock.tick(4)
    sweeper(pool, desk.applier, desk.bell).sweep()
    assert list(book.standing(pool, receipt.cohort_id).members) == ["a"]


def test_sweep__retry_that_nobody_heard_of__is_done(desk: Desk, pool: Pool) -> None:
    receipt = desk.send(ADD, "s", "a")
    desk.settle(receipt)
    with pool.begin() as conn:
        conn.execute(_ASK, {"cohort_id": receipt.cohort_id, "now": desk.clock()})
    assert sweeper(pool, desk.applier, desk.bell).sweep() == 1
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
    sweeper(pool, desk.applier, desk.bell).sweep()
    assert book.standing(pool, receipt.cohort_id).through == 0, "it is not silent for long enough"
    sweeper(pool, desk.applier, desk.bell, frozen_seconds=0.0).sweep()
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
    assert sweeper(pool, Applier(dead, now=desk.clock), desk.bell).sweep() == 2
    assert [book.standing(pool, one.cohort_id).through for one in receipts] == [0, 0]


class Clock:
    """A clock of seconds that stands until it is moved; each look may take a while."""

    def __init__(self, *, look_seconds: float = 0.0) -> None:
        self.now, self._look_seconds = 100.0, look_seconds

    def __call__(self) -> float:
        """Return the seconds."""
        self.now += self._look_seconds
        return self.now


def test_sweep__rung_for_and_not_applied_for_seconds__drains(desk: Desk, pool: Pool) -> None:
    beat(pool)
    receipt = desk.send(ADD, "s", "a")
    clock = Clock()
    made = sweeper(pool, desk.applier, desk.bell, clock=clock)
    for _ in range(2):
        made.sweep()
        clock.now += STUCK_SECONDS / 2
    assert book.standing(pool, receipt.cohort_id).through == 0
    made.sweep()
    assert book.standing(pool, receipt.cohort_id).through == 1


def test_sweep__cohort_that_comes_further__is_left_to_the_workers(desk: Desk, pool: Pool) -> None:
    beat(pool)
    receipt = desk.send(ADD, "s1", "a")
    clock = Clock()
    made = sweeper(pool, desk.applier, desk.bell, clock=clock)
    for number in range(2, 5):
        made.sweep()
        clock.now += STUCK_SECONDS
        desk.send(ADD, f"s{number}", "b")
        desk.applier.step(receipt.cohort_id, limit=1)
    made.sweep()
    assert book.standing(pool, receipt.cohort_id).through == 3


def test_sweep__worker_that_cannot_do_its_work__drains_at_once(desk: Desk, pool: Pool) -> None:
    beat(pool)
    with pool.begin() as conn:
        heartbeats.beat(conn, "worker-1", {}, heartbeats.Condition(trouble="its Redis is away"))
    receipt = desk.send(ADD, "s", "a")
    sweeper(pool, desk.applier, desk.bell).sweep()
    assert book.standing(pool, receipt.cohort_id).through == 1


def test_sweep__with_more_to_apply_than_time__looks_again_at_what_waits(
    desk: Desk, pool: Pool
) -> None:
    receipts = [desk.send(ADD, "s", "a", cohort=f"cohort-{number}") for number in (1, 2)]
    made = sweeper(pool, desk.applier, desk.bell, clock=Clock(look_seconds=HELP_SECONDS))
    assert [made.sweep(), made.sweep()] == [2, 1]
    assert [book.standing(pool, one.cohort_id).through for one in receipts] == [1, 1]


_ASK = text("""
    INSERT INTO blocked_deliveries
        (cohort_id, number, attempts, code, reason, blocked_at, retry_requested_at)
    VALUES (:cohort_id, 1, 3, 'poison', 'it was', :now, :now)
""")
