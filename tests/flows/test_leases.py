"""Keeping a lease: what work that has one notices, and what it may write."""

from __future__ import annotations

import pytest
import structlog
from sqlalchemy import text

from gateway import errors
from gateway.flows import leases as flow
from gateway.store.db import leases
from gateway.store.db.engine import Pool
from gateway.store.db.leases import Lease
from tests import stack

KIND = "load"


@pytest.fixture
def lease(pool: Pool) -> Lease:
    """Claim work."""
    with pool.begin() as conn:
        leases.offer(conn, KIND, "a")
    found = flow.claim(pool, KIND, holder="p")
    assert found is not None
    return found


def take_over(pool: Pool) -> Lease:
    found: Lease | None = None
    while found is None:  # a beat between the two statements renews the lease
        with pool.begin() as conn:
            conn.execute(
                text("UPDATE leases SET leased_until = statement_timestamp() - interval '1s'")
            )
        found = flow.claim(pool, KIND, holder="q")
    return found


def left_seconds(pool: Pool) -> float:
    with pool.read() as conn:
        left = text("SELECT extract(epoch FROM leased_until - statement_timestamp()) FROM leases")
        return float(conn.execute(left).scalar_one())


def make(pool: Pool, lease: Lease, *, beating: Pool | None = None) -> flow.Keeper:
    return flow.Keeper(pool, beating or pool, lease, lease_seconds=1000)


def test_keeping__while_the_work_goes_on__renews_in_the_background(
    pool: Pool, lease: Lease
) -> None:
    with flow.keeping(pool, lease, beating=pool, every_seconds=0.01, lease_seconds=1000) as keeper:
        stack.until(lambda: left_seconds(pool) > 900)
        keeper.require()
    with pool.begin() as conn:
        leases.finish(conn, lease)


def test_keeping__of_a_lease_that_was_taken_over__is_noticed_and_beats_no_more(
    pool: Pool, lease: Lease
) -> None:
    def is_lost() -> bool:
        try:
            keeper.require()
        except errors.LeaseLost:
            return True
        return False

    with flow.keeping(pool, lease, beating=pool, every_seconds=0.01, lease_seconds=0.5) as keeper:
        other = take_over(pool)
        stack.until(is_lost)
        with pytest.raises(errors.LeaseLost, match="taken over"), keeper.writing():
            raise AssertionError("it must not get this far")
    assert left_seconds(pool) > 1
    with pool.begin() as conn:
        leases.finish(conn, other)


def test_writing__with_a_lease_lost_unnoticed__writes_nothing(pool: Pool, lease: Lease) -> None:
    keeper = make(pool, lease)
    take_over(pool)
    with pytest.raises(errors.LeaseLost), keeper.writing():
        raise AssertionError("it must not get this far")


def test_writing__for_longer_than_the_lease__renews_it_at_the_commit(
    pool: Pool, lease: Lease
) -> None:
    keeper = make(pool, lease)
    with pool.begin() as conn:
        conn.execute(text("UPDATE leases SET leased_until = statement_timestamp() - interval '1s'"))
    with keeper.writing() as conn:
        assert flow.claim(pool, KIND, holder="q") is None
        conn.execute(text("INSERT INTO chores (name, begun_at) VALUES ('written', now())"))
    assert left_seconds(pool) > 900


def test_writing__what_fails__leaves_lease_and_database_as_they_were(
    pool: Pool, lease: Lease
) -> None:
    def fail() -> None:
        with make(pool, lease).writing() as conn:
            conn.execute(text("INSERT INTO chores (name, begun_at) VALUES ('written', now())"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM chores")).scalar_one() == 0
    assert left_seconds(pool) < 900


def test_beat__without_postgres__is_tried_again(pool: Pool, lease: Lease) -> None:
    away = Pool("postgresql+psycopg2://u:p@127.0.0.1:1/d", name="away", size=1, limit_seconds=1)
    keeper = make(pool, lease, beating=away)
    with structlog.testing.capture_logs() as logged:
        keeper.beat()
    keeper.require()
    assert [one["event"] for one in logged] == ["lease.unrenewed"]
