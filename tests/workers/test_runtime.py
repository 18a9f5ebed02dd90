"""What a worker process is made of, and its heartbeat."""

from __future__ import annotations

import dataclasses

import pytest

from gateway import errors
from gateway.core import moments
from gateway.flows.health import heartbeats as meters
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats
from gateway.store.health import meters as totals
from workers import runtime
from workers.runtime import Runtime


def alive(pool: Pool, kind: str) -> int:
    with pool.read() as conn:
        return heartbeats.alive(conn, kind)


def await_alive(pool: Pool, kind: str) -> None:
    """Wait until somebody beats; the test's own time limit ends a wait in vain."""
    while not alive(pool, kind):
        pass


def test_make__bad_settings__are_refused() -> None:
    with pytest.raises(errors.BadSettings, match="DATABASE_URL"):
        runtime.make({})


def test_names__of_two_processes__differ(made: Runtime, environ: dict[str, str]) -> None:
    assert made.name != runtime.make(environ).name


def test_clock__is_aware() -> None:
    assert moments.now().utcoffset() is not None


def test_beating__until_the_block_ends__counts_as_alive(pool: Pool, made: Runtime) -> None:
    with runtime.beating(made, meters.SCHEDULER):
        await_alive(pool, meters.SCHEDULER)
        assert alive(pool, meters.WORKER) == 0
        made.meters.observe(0.5)
    assert alive(pool, meters.SCHEDULER) == 0
    with pool.read() as conn:
        assert totals.of_workers(conn)["apply_seconds_sum"] == 0.5


def test_beating__block_raises__leaves_too(pool: Pool, made: Runtime) -> None:
    def crash() -> None:
        with runtime.beating(made, meters.WORKER):
            await_alive(pool, meters.WORKER)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert alive(pool, meters.WORKER) == 0


def test_beating__database_away__says_so_and_goes_on(
    made: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    away = Pool("postgresql+psycopg2://u:p@127.0.0.1:1/d", name="away", size=1, limit_seconds=1)
    with runtime.beating(dataclasses.replace(made, beating=away), meters.WORKER):
        pass
    assert caplog.text.count("heartbeat.failed") == len(caplog.records) > 0
    assert "the database did not answer" in caplog.text
