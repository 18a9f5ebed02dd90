"""The scheduler: it sweeps and outlives an outage, and no chore delays another."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import redis
from sqlalchemy import text

from gateway import errors, jobs
from gateway.core.cohorts import member_rows
from gateway.core.health import processes
from gateway.flows.cohorts import erase
from gateway.store.cohorts import backlog, inbox
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats
from tests.model import book
from tests.model.desk import Desk
from workers import apply, runtime, schedule
from workers.runtime import Runtime


def join(pool: Pool, name: str) -> None:
    with pool.begin() as conn:
        heartbeats.join(conn, name, heartbeats.WORKER)
        heartbeats.beat(conn, name, {"m": 1})


def once(made: Runtime) -> str | None:
    """Sweep as the scheduler does."""
    return schedule.sweep(made, schedule.make_sweeper(made))


def do(made: Runtime, name: str) -> None:
    """Do a chore as the scheduler does."""
    next(one for one in schedule.CHORES if one.name == name).do(made)


def test_sweep__with_a_worker_alive__rings_for_what_waits(
    made: Runtime, desk: Desk, client: redis.Redis
) -> None:
    join(desk.pool, "w")
    cohort_id = desk.send("add_members", "s1", "abc").cohort_id
    assert once(made) is None
    assert client.exists(jobs.pending_key(cohort_id))
    once(made)
    assert jobs.queue(client).count == 1


def test_sweep__with_no_worker_alive__applies_itself(made: Runtime, desk: Desk) -> None:
    desk.send("add_members", "s1", "abc")
    once(made)
    with desk.pool.read() as conn:
        assert backlog.totals(conn, now=desk.clock()).pending == 0
    assert made.meters.read()["apply_seconds_sum"] > 0
    assert made.duty.condition().trouble is None


def test_sweep__database_away__says_so_once_and_is_in_trouble(
    made: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    away = Pool("postgresql+psycopg2://u:p@127.0.0.1:1/d", name="away", size=1, limit_seconds=1)
    gone = dataclasses.replace(made, pool=away)
    sweeper = schedule.make_sweeper(dataclasses.replace(made, pool=away))
    said = schedule.sweep(gone, sweeper)
    assert schedule.sweep(gone, sweeper, said) == said
    assert caplog.text.count("sweep.failed") == 1
    assert "the database did not answer" in caplog.text
    assert "its last sweep failed" in (made.duty.condition().trouble or "")


def test_scrub__with_somebody_erased__takes_them_out_of_kept_pages(
    made: Runtime, desk: Desk
) -> None:
    desk.settle(desk.send("add_members", "s1", "abc"))
    everywhere = erase.Where()
    assert not erase.erase(desk.pool, "a", everywhere, now=desk.clock(), scrub_seconds=0)
    do(made, "scrub")
    with desk.pool.read() as conn:
        (packed,) = conn.execute(text("SELECT roster FROM deliveries")).scalars()
        assert conn.execute(text("SELECT count(*) FROM scrubs")).scalar_one() == 0
    assert member_rows.member_ids(inbox.unpack(bytes(packed))) == ["b", "c"]


def test_heartbeats__after_a_long_silence__are_retired(made: Runtime, pool: Pool) -> None:
    join(pool, "w")
    with pool.begin() as conn:
        conn.execute(text("UPDATE workers SET beat_at = beat_at - interval '1 hour'"))
    do(made, "heartbeats")
    with pool.read() as conn:
        names = list(conn.execute(text("SELECT worker FROM worker_meters")).scalars())
    assert names == [heartbeats.RETIRED]


def test_probe__asked_again_and_again__rings_once_until_a_worker_answers(
    made: Runtime, client: redis.Redis, pool: Pool
) -> None:
    for _ in range(2):
        do(made, "probe")
        client.delete(jobs.pending_key(jobs.NO_COHORT))
    assert made.wake_ups.depths() == {"worker": 1, "loader": 1, "sender": 1}
    with pool.read() as conn:
        names = conn.execute(text("SELECT name FROM chores ORDER BY name")).scalars().all()
    assert names == ["ask loader", "ask sender", "ask worker"]
    apply.apply(made, jobs.NO_COHORT)
    assert made.duty.condition().idle_seconds is not None


def test_chores__one_of_which_hangs__delays_no_other_and_no_sweep(
    made: Runtime, desk: Desk, pool: Pool
) -> None:
    done = {name: threading.Event() for name in ("fails", "breaks", "works")}

    def fail(_: Runtime) -> None:
        done["fails"].set()
        raise errors.Unavailable("not now")

    def crash(_: Runtime) -> None:
        done["breaks"].set()
        raise ValueError("a bug")

    def wait_for_a_lock(run: Runtime) -> None:
        with run.chores.begin() as conn:
            conn.execute(text("LOCK TABLE scrubs"))

    def write(run: Runtime) -> None:
        with run.chores.begin() as conn:
            conn.execute(text("SELECT 1"))
        done["works"].set()

    whats = {"hangs": wait_for_a_lock, "fails": fail, "breaks": crash, "works": write}
    chores = [schedule.Chore(name=name, every_seconds=0.01, do=do) for name, do in whats.items()]
    with pool.begin() as holder:
        holder.execute(text("LOCK TABLE scrubs"))
        with schedule.doing(made, chores):
            for _ in range(3):
                for event in done.values():
                    assert event.wait(10)
                    event.clear()
            receipt = desk.send("add_members", "s1", "abc")
            once(made)
            assert book.standing(pool, receipt.cohort_id).through == 1


@pytest.mark.parametrize("name", [one.name for one in schedule.CHORES])
@pytest.mark.parametrize("hang", ["statement", "python"])
def test_chore__of_the_scheduler_that_hangs__delays_no_other_and_no_sweep(
    made: Runtime, desk: Desk, pool: Pool, name: str, hang: str
) -> None:
    rounds = {one.name: threading.Semaphore(0) for one in schedule.CHORES}
    hangs, awake = threading.Event(), threading.Event()

    def watched(chore: schedule.Chore) -> schedule.Chore:
        def do_once(run: Runtime) -> None:
            if chore.name == name:
                hangs.set()
                if hang == "python":
                    awake.wait()
                else:
                    with run.chores.begin() as conn:
                        conn.execute(text("SELECT pg_advisory_xact_lock(7)"))
            chore.do(run)
            rounds[chore.name].release()

        return dataclasses.replace(chore, every_seconds=0.01, do=do_once)

    with pool.begin() as holder:
        holder.execute(text("SELECT pg_advisory_xact_lock(7)"))
        with schedule.doing(made, [watched(one) for one in schedule.CHORES]):
            assert hangs.wait(10)
            for other, done in rounds.items():
                for _ in range(3 if other != name else 0):
                    assert done.acquire(timeout=10), other
            receipt = desk.send("add_members", "s1", "abc")
            once(made)
            assert book.standing(pool, receipt.cohort_id).through == 1
            assert not rounds[name].acquire(blocking=False)
            awake.set()
    # Its round ends once it may go on; the next test begins after that.
    assert rounds[name].acquire(timeout=10)


def test_chores__each__has_a_connection_of_its_own() -> None:
    assert len(schedule.CHORES) == runtime.CHORES


def test_probe__of_a_kind_of_which_none_is_left__asks_it_all_the_same(
    made: Runtime, client: redis.Redis, pool: Pool
) -> None:
    with pool.begin() as conn:
        heartbeats.join(conn, "s", processes.SENDER)
    for _ in range(2):
        do(made, "probe")
    assert made.wake_ups.depths() == {"worker": 1, "loader": 1, "sender": 1}
    with pool.begin() as conn:
        names = conn.execute(text("SELECT name FROM chores ORDER BY name")).scalars()
        assert list(names) == ["ask loader", "ask sender", "ask worker"]
        heartbeats.leave(conn, "s")
    client.flushall()
    do(made, "probe")
    assert made.wake_ups.depths() == {"worker": 1, "loader": 1, "sender": 1}
