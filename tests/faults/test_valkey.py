"""Valkey dies, freezes, forgets or is full; nothing but the waiting may change."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

import pytest
import redis

from tests.faults import judge
from tests.faults.parts import signal_all
from tests.faults.report import Bound
from tests.faults.trial import Bench
from tests.stack import until


@pytest.mark.parametrize(
    "seconds", [5, pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(240)])]
)
def test_valkey__killed_for_a_while__is_not_missed(bench: Bench, seconds: float) -> None:
    with bench.trial(f"Valkey killed for {seconds} s") as trial:
        bench.installation.valkey.hold()
        trial.kill(bench.installation.valkey)
        trial.run_for(seconds)
        bench.installation.valkey.release()
        assert set(trial.load.ear.statuses()) == {200}


def test_valkey__killed_and_restarted_empty__is_not_missed(bench: Bench) -> None:
    with bench.trial("Valkey killed and restarted empty, three times") as trial:
        for starts in range(bench.installation.valkey.starts, bench.installation.valkey.starts + 3):
            trial.kill(bench.installation.valkey)
            bench.installation.valkey.await_running(starts + 1)
            trial.run_for(0.5)


def test_valkey__told_to_end__is_not_missed(bench: Bench) -> None:
    with bench.trial("SIGTERM of Valkey") as trial:
        bench.installation.valkey.send(signal.SIGTERM)
        bench.installation.valkey.await_dead()
        trial.await_pages(20)


def test_valkey__flushed_every_second__is_not_missed(bench: Bench) -> None:
    with bench.trial("FLUSHALL every second") as trial, client(bench) as valkey:
        for _ in range(4):
            valkey.flushall()
            trial.run_for(1)
        trial.mended()


def test_valkey__frozen__is_not_missed(bench: Bench) -> None:
    with bench.trial("Valkey frozen for 5 s") as trial:
        began = time.monotonic()
        signal_all([bench.installation.valkey.pid], signal.SIGSTOP)
        trial.run_for(5)
        trial.measure(Bound.WITHOUT_DOORBELL, trial.slowest(since=began, percentile=99))
        assert set(trial.load.ear.statuses()) == {200}


def test_valkey__out_of_memory__is_not_missed(bench: Bench) -> None:
    with bench.trial("Valkey out of memory for 3 s") as trial, client(bench) as valkey:
        valkey.config_set("maxmemory", 1)
        trial.run_for(3)
        valkey.config_set("maxmemory", "256mb")
        trial.mended()
        assert set(trial.load.ear.statuses()) == {200}


def test_valkey__loses_everything_with_a_backlog__is_drained(bench: Bench) -> None:
    with bench.trial("Valkey loses everything with a backlog") as trial:
        here = bench.installation
        signal_all([part.pid for part in (*here.workers, here.scheduler)], signal.SIGSTOP)
        trial.await_pages(100)
        trial.kill(here.valkey)
        waiting = judge.pending(bench.pool)
        began = time.monotonic()
        signal_all([part.pid for part in (*here.workers, here.scheduler)], signal.SIGCONT)
        for cohort_id, through in waiting.items():
            until(lambda: judge.applied(bench.pool, cohort_id) >= through)  # noqa: B023
        trial.measure(Bound.EMPTIED, time.monotonic() - began)


@contextlib.contextmanager
def client(bench: Bench) -> Iterator[redis.Redis]:
    """Lend a connection to its Valkey."""
    opened = redis.Redis.from_url(bench.installation.environ["REDIS_URL"])
    with contextlib.closing(opened):
        yield opened
