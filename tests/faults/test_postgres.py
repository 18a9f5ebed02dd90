"""Postgres is stopped, frozen, full, read-only, out of connections, or held up by somebody else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from gateway import errors
from tests import stack as stacks
from tests.faults.installation import installed
from tests.faults.parts import signal_all
from tests.faults.report import Bound, Row
from tests.faults.trial import Bench, Trial

POINTS = (
    "web.before-insert",
    "web.before-commit",
    "web.after-commit",
    "web.after-ring",
    "worker.before-claim",
    "worker.mid-apply",
    "worker.before-commit",
    "worker.after-commit",
    "worker.pop-gap",
)
# The only ones that `make test-faults` has the time for.
SHORT = {("web.before-commit", 0), ("web.after-commit", 0), ("worker.mid-apply", 0)}
DEADLINE_SECONDS = 10.0
# Room for a cluster and its log; what is left of it is filled up.
DISK = "size=400m"


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
        for point in POINTS
        for seconds in (0, 5, 20)
    ],
)
def test_postgres__stopped_immediately_at_a_point__loses_nothing(
    bench: Bench, point: str, seconds: float
) -> None:
    program, _, where = point.partition(".")
    words = f"{program} {where.replace('-', ' ')}"
    with bench.trial(f"Postgres stopped immediately, {words}, back after {seconds} s") as trial:
        trial.fire(point, "sleep 0.5")
        stop(trial, signal.SIGQUIT, seconds)
        trial.await_pages(20)
        trial.measure(Bound.BACK, trial.recovery_seconds())


def test_postgres__restarted_fast_under_load__is_503_until_it_is_back(bench: Bench) -> None:
    with bench.trial("Postgres restarted (fast) under load") as trial:
        stop(trial, signal.SIGINT, 0)
        trial.await_pages(20)


@pytest.mark.parametrize(
    "seconds", [12, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(180)])]
)
def test_postgres__frozen__is_503_by_the_deadline(bench: Bench, seconds: float) -> None:
    with bench.trial(f"Postgres frozen for {seconds} s", senders=8) as trial:
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
        assert slowest < DEADLINE_SECONDS + 5


def test_postgres__backends_terminated_again_and_again__is_503_at_worst(bench: Bench) -> None:
    with bench.trial("backends terminated in a loop") as trial:
        for _ in range(30):
            trial.execute(TERMINATE)
            trial.run_for(0.1)
        trial.mended()


def test_postgres__out_of_connections__is_503(bench: Bench) -> None:
    with bench.trial("connections exhausted for 4 s") as trial, contextlib.ExitStack() as closing:
        began = time.monotonic()
        while time.monotonic() - began < 4:
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


def test_inbox__locked_by_somebody_else__is_503_by_the_deadline(bench: Bench) -> None:
    with bench.trial("lock storm on the inbox", senders=8) as trial:
        began = time.monotonic()
        storm = [threading.Thread(target=hold_locks, args=(trial, each)) for each in (9.5, 1, 0.3)]
        for thread in storm:
            thread.start()
        for thread in storm:
            thread.join()
        trial.mended()
        trial.measure(Bound.HUNG, trial.slowest(since=began))
        trial.await_pages(20)


@pytest.mark.timeout(180)
def test_postgres__disk_full__is_503_until_there_is_room(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("full")
    with small_disk(folder / "disk") as disk, contextlib.ExitStack() as ending:
        here = ending.enter_context(installed(folder, data_dir=disk))
        bench = Bench(here, ending.enter_context(here.pool()), rows)
        with bench.trial("disk full for 5 s, then freed") as trial:
            ballast = disk / "ballast"
            began = time.monotonic()
            while time.monotonic() - began < 5:
                fill(ballast)
                trial.run_for(0.2)
            ballast.unlink()
            trial.mended()
            trial.await_pages(20)
            assert 503 in trial.load.ear.statuses()


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


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small disk for the length of the block."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"{DISK},mode=0700", "faults", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: it takes root's rights")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - wherever it is


def fill(ballast: Path) -> None:
    """Take all the room that is left on a disk."""
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


RELOAD = "SELECT pg_reload_conf()"
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'gateway-%' AND application_name <> 'gateway-faults'"
)
