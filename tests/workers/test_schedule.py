"""The scheduler's tick: it sweeps, retires, and outlives an outage."""

from __future__ import annotations

import dataclasses

import pytest
import redis
from sqlalchemy import text

from gateway import jobs
from gateway.core import roster
from gateway.flows import erase, meters
from gateway.store import backlog, heartbeats, inbox
from gateway.store.engine import Pool
from tests.model.desk import Desk
from workers import schedule
from workers.runtime import Runtime


def join(pool: Pool, name: str) -> None:
    with pool.begin() as conn:
        heartbeats.join(conn, name, heartbeats.WORKER)
        heartbeats.beat(conn, name, {"m": 1})


def test_tick__with_a_worker_alive__rings_for_what_waits(
    made: Runtime, desk: Desk, client: redis.Redis
) -> None:
    join(desk.pool, "w")
    cohort_id = desk.send("add_members", "s1", "abc").cohort_id
    schedule.tick(made)
    assert client.exists(jobs.rung_key(cohort_id))
    schedule.tick(made)
    assert jobs.queue(client).count == 1


def test_tick__with_no_worker_alive__applies_itself(made: Runtime, desk: Desk) -> None:
    desk.send("add_members", "s1", "abc")
    schedule.tick(made)
    with desk.pool.read() as conn:
        assert backlog.totals(conn, now=desk.clock()).pending == 0
    assert made.meters.read()["apply_seconds_sum"] > 0


def test_tick__with_somebody_erased__takes_them_out_of_kept_pages(
    made: Runtime, desk: Desk
) -> None:
    schedule.tick(made)  # now retention, which would take the page of long ago, has had its turn
    desk.settle(desk.send("add_members", "s1", "abc"))
    everywhere = erase.Where()
    assert not erase.erase(desk.pool, "a", everywhere, now=desk.clock(), scrub_seconds=0)
    schedule.tick(made)
    with desk.pool.read() as conn:
        (packed,) = conn.execute(text("SELECT roster FROM deliveries")).scalars()
        assert conn.execute(text("SELECT count(*) FROM scrubs")).scalar_one() == 0
    assert roster.member_ids(inbox.unpack(bytes(packed))) == ["b", "c"]


def test_tick__after_a_long_silence__retires_the_dead(made: Runtime, pool: Pool) -> None:
    join(pool, "w")
    with pool.begin() as conn:
        conn.execute(text("UPDATE workers SET beat_at = beat_at - interval '1 hour'"))
    schedule.tick(made)
    with pool.read() as conn:
        names = list(conn.execute(text("SELECT worker FROM worker_meters")).scalars())
    assert names == [heartbeats.RETIRED]


def test_tick__database_away__says_so_and_returns(
    made: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    away = Pool("postgresql+psycopg2://u:p@127.0.0.1:1/d", name="away", size=1, limit_seconds=1)
    schedule.tick(dataclasses.replace(made, pool=away))
    assert "sweep.failed" in caplog.text
    assert "the database did not answer" in caplog.text


def test_kinds__of_processes__are_those_that_are_counted() -> None:
    assert (meters.WORKER, meters.SCHEDULER) == heartbeats.KINDS
