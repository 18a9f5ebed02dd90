"""Senders send notices, while they run and not beyond."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.core.health import processes
from gateway.store.db.engine import Pool
from gateway.store.notices import outbox
from tests.destinations import servers
from workers import notify, runtime, schedule
from workers.runtime import Runtime


@pytest.fixture
def service() -> servers.Scripted:
    """Lend a service of messages that takes everything."""
    return servers.Scripted(servers.Said(status=200, body={}))


@pytest.fixture
def made(environ: dict[str, str], service: servers.Scripted) -> Iterator[Runtime]:
    """Lend what a sender is made of whose channel leads to the service."""
    with servers.serving(service) as url:
        address = url.replace("http://", "json://")
        run = runtime.make({**environ, "GATEWAY_NOTIFY": f"default={address}"})
        yield run
        for pool in (run.pool, run.beating, run.chores, run.rules):
            pool.close()


def put(pool: Pool, body: str = "something") -> None:
    with pool.begin() as conn:
        outbox.put(conn, {"default": body}, now=datetime.datetime.now(datetime.UTC))


def waiting(pool: Pool) -> int:
    with pool.read() as conn:
        return outbox.totals(conn)["waiting"]


def test_sender__while_it_runs__sends_what_waits(
    made: Runtime, pool: Pool, service: servers.Scripted
) -> None:
    put(pool)
    with notify.looking(made, [processes.SENDER, processes.LOADER]):
        for _ in range(400):
            if not waiting(pool):
                break
            time.sleep(0.05)
    assert waiting(pool) == 0
    (asked,) = service.asked
    assert b"something" in asked.body


def test_worker__of_another_kind__sends_nothing(made: Runtime, pool: Pool) -> None:
    put(pool)
    before = threading.active_count()
    with notify.looking(made, [processes.WORKER]):
        assert threading.active_count() == before
    assert waiting(pool) == 1


def test_scheduler__by_its_chore__looks_for_troubles(made: Runtime, pool: Pool) -> None:
    next(one for one in schedule.CHORES if one.name == "notices").do(made)
    with pool.read() as conn:
        assert conn.execute(_LOOKED).scalar_one() == 1


_LOOKED = text("SELECT count(*) FROM chores WHERE name = 'notices'")
