"""Postgres is stopped, frozen, read-only, out of connections, or held up by somebody else."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from gateway import errors
from tests import stack as stacks
from tests.faults.parts import signal_all
from tests.faults.points import OF_PAGES, WORDS
from tests.faults.report import Bound
from tests.faults.trial import Bench, Trial

# The only ones that `make test-faults` has the time for.
SHORT = {("web.before-commit", 0), ("web.after-commit", 0), ("worker.mid-apply", 0)}
DEADLINE_SECONDS = 10.0


@pytest.mark.parametrize(
    "seconds", [0, 5, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(180)])]
)
def test_postgres__stopped_immediately__is_503_until_it_is_back(
    bench: Bench, seconds: float
) -> None:
    with bench.trial(f"Postgres stopped immediately, back after {seconds} s") as trial:
        stop(trial, signal.SIGQUIT, seconds)
        trial.await_pages(20)
        trial.measure(Bound.BACK, trial.recovery_seconds())


@pytest.mark.parametrize(
    ("point", "seconds"),
    [
        pytest.param(point, seconds, marks=[] if (point, seconds) in SHORT else [pytest.mark.long])
        for point in OF_PAGES
        for seconds in (0, 5, 20)
    ],
)
def test_postgres__stopped_immediately_at_a_point__loses_nothing(
    bench: Bench, point: str, seconds: float
) -> None:
    name = f"Postgres stopped immediately, {WORDS[point]}, back after {seconds} s"
    with bench.trial(name) as trial:
        trial.fire(point, "sleep 0.5")
        stop(trial, signal.SIGQUIT, seconds)
        trial.await_pages(20)
        trial.measure(Bound.BACK, trial.recovery_seconds())


def test_postgres__restarted_fast_under_load__is_503_until_it_is_back(bench: Bench) -> None:
    with bench.trial("Postgres restarted fast under load") as trial:
        stop(trial, signal.SIGINT, 0)
        trial.await_pages(20)


@pytest.mark.parametrize(
    "seconds", [12, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(180)])]
)
def test_postgres__frozen__is_503_by_the_deadline(bench: Bench, seconds: float) -> None:
    with bench.trial(f"SIGSTOP of Postgres for {seconds} s, sockets open", senders=8) as trial:
        began = time.monotonic()
        pids = bench.installation.postgres.family()
        signal_all(pids, signal.SIGSTOP)
        alive = []
        while time.monotonic() - began < seconds:
            asked = time.monotonic()
            assert stacks.is_alive(bench.installation.port)
            alive.append(time.monotonic() - asked)
            trial.run_for(0.2)
        signal_all(pids[::-1], signal.SIGCONT)
        trial.mended()
        trial.await_pages(20)
        slowest = trial.slowest(since=began)
        trial.measure(Bound.HUNG, slowest)
        trial.note(f"/healthz meanwhile {max(alive):.2f} s at most")
        assert slowest < DEADLINE_SECONDS + 2


def test_postgres__backends_terminated_again_and_again__is_503_at_worst(bench: Bench) -> None:
    with bench.trial("Postgres backends terminated in a loop") as trial:
        for _ in range(30):
            trial.execute(TERMINATE)
            trial.run_for(0.1)
        trial.mended()


def test_postgres__out_of_connections__is_503(bench: Bench) -> None:
    with (
        bench.trial("Postgres connections exhausted for 3 s") as trial,
        contextlib.ExitStack() as closing,
    ):
        began = time.monotonic()
        while time.monotonic() - began < 3:
            with contextlib.suppress(psycopg2.OperationalError):
                while True:
                    closing.enter_context(contextlib.closing(connected(trial)))
            trial.execute(TERMINATE)
            trial.run_for(0.05)
        closing.close()
        trial.mended()
        trial.await_pages(20)


def test_postgres__read_only__is_503(bench: Bench) -> None:
    with bench.trial("Postgres read-only for 3 s") as trial:
        trial.execute("ALTER SYSTEM SET default_transaction_read_only = on", RELOAD)
        trial.run_for(3)
        trial.execute("ALTER SYSTEM RESET default_transaction_read_only", RELOAD)
        trial.mended()
        trial.await_pages(20)
        assert 503 in trial.load.ear.statuses()


@pytest.mark.long
def test_inbox__locked_by_somebody_else__is_503_by_the_deadline(bench: Bench) -> None:
    with bench.trial("lock storm on the inbox", senders=8) as trial:
        began = time.monotonic()
        storm = [threading.Thread(target=hold_locks, args=(trial, each)) for each in (9.5, 1, 0.3)]
        for thread in storm:
            thread.start()
        for thread in storm:
            thread.join()
        trial.mended()
        slowest = trial.slowest(since=began)
        trial.measure(Bound.HUNG, slowest)
        trial.await_pages(20)
        assert slowest < DEADLINE_SECONDS + 2


def stop(trial: Trial, how: signal.Signals, seconds: float) -> None:
    """Stop Postgres, and have it started again after so many seconds."""
    postgres = trial.installation.postgres
    postgres.hold()
    postgres.send(how)
    postgres.await_dead()
    trial.run_for(seconds)
    starts = postgres.starts
    postgres.release()
    postgres.await_running(starts + 1)
    trial.mended()


def connected(trial: Trial) -> psycopg2.extensions.connection:
    """Open a connection like anybody else's."""
    url = make_url(trial.installation.postgres_url)
    return psycopg2.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database
    )


def hold_locks(trial: Trial, seconds: float) -> None:
    """Lock what accepting needs of every cohort, for so long at a time, for ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(errors.Unavailable), trial.pool.begin() as conn:
            conn.execute(text("SELECT 1 FROM intake_state ORDER BY cohort_id FOR UPDATE"))
            time.sleep(min(seconds, max(0.0, end - time.monotonic())))
        time.sleep(0.1)


RELOAD = "SELECT pg_reload_conf()"
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'gateway-%' AND application_name <> 'gateway-faults'"
)
