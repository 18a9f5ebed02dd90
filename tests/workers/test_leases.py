"""Leased work whose processes are killed, frozen and woken up again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from gateway.store.db import leases
from gateway.store.db.engine import Pool
from tests.workers import leasing

SECONDS = 2.0

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Start processes that do leased work; whatever still runs after the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start_one(mode: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.workers.leasing", str(SECONDS), mode]
        started.append(
            subprocess.Popen(
                words,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def work(pool: Pool) -> Pool:
    """Offer one piece of work."""
    with pool.begin() as conn:
        assert leases.offer(conn, leasing.KIND, "a")
    return pool


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def written(pool: Pool) -> list[int]:
    with pool.read() as conn:
        found = conn.execute(text("SELECT after FROM chores WHERE name = 'written'"))
        return list(found.scalars())


def test_work__whose_process_is_killed__goes_on_elsewhere(work: Pool, start: Start) -> None:
    first = start("hangs")
    assert said(first) == "claimed 1"
    time.sleep(2 * SECONDS)  # its beats keep it for longer than one lease
    other = start("writes")
    with work.read() as conn:
        (token,) = conn.execute(text("SELECT token FROM leases")).scalars()
    assert token == 1
    first.send_signal(signal.SIGKILL)
    assert (said(other), said(other)) == ("claimed 2", "written")
    assert written(work) == [2]


def test_work__at_which_three_processes_are_killed__is_ended_by_the_next(
    work: Pool, start: Start
) -> None:
    for number in range(1, 4):
        process = start("hangs")
        assert said(process) == f"claimed {number}"
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = start("writes")
    assert (said(last), said(last)) == ("claimed 4", "ended")
    assert written(work) == []
    with work.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM leases")).scalar_one() == 0


def test_process__that_was_frozen_and_lost_its_lease__writes_nothing(
    work: Pool, start: Start
) -> None:
    first = start("waits")
    assert said(first) == "claimed 1"
    first.send_signal(signal.SIGSTOP)
    other = start("writes")
    assert (said(other), said(other)) == ("claimed 2", "written")
    first.send_signal(signal.SIGCONT)
    assert first.stdin is not None
    first.stdin.write("\n")
    first.stdin.flush()
    assert said(first) == "lost"
    assert written(work) == [2]
