"""The web processes die, freeze, are told to end, or are given what nobody should send."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time

import pytest

from gateway.simulator.mixpanel import body
from tests.faults.installation import Installation
from tests.faults.parts import signal_all
from tests.faults.points import STOP, WEB, WORDS
from tests.faults.report import Bound
from tests.faults.trial import Bench, lone_page
from tests.stack import DEFAULT, PASSWORD, USERNAME, basic_auth, read_answer

DAY_SECONDS = 86400.0
DEADLINE_SECONDS = 10.0


def test_pages__under_load__are_acknowledged_soon(bench: Bench) -> None:
    with bench.trial("nothing: a healthy load", senders=6) as trial:
        began = time.monotonic()
        trial.run_for(5)
        trial.measure(Bound.HEALTHY, trial.slowest(since=began, percentile=99))
        assert set(trial.load.ear.statuses()) == {200}


@pytest.mark.parametrize("point", WEB)
def test_web_process__killed_on_its_way__loses_nothing(bench: Bench, point: str) -> None:
    with bench.trial(f"SIGKILL of a {WORDS[point]}") as trial:
        for _ in range(2):
            trial.kill_at(point)
            trial.await_pages(5)


def test_gunicorn__master_killed__is_started_again(bench: Bench) -> None:
    with bench.trial("SIGKILL of the gunicorn master") as trial:
        trial.kill(bench.installation.web)
        trial.await_pages(20)


def test_gunicorn__told_to_end_under_load__answers_what_it_has(bench: Bench) -> None:
    with bench.trial("SIGTERM of the gunicorn master under load") as trial:
        bench.installation.web.send(signal.SIGTERM)
        bench.installation.web.await_dead()
        trial.mended()
        trial.await_pages(20)


def test_web_process__told_to_end_under_load__answers_what_it_has(bench: Bench) -> None:
    with bench.trial("SIGTERM of a gunicorn process under load") as trial:
        signal_all(bench.installation.web_processes()[:1], signal.SIGTERM)
        trial.mended()
        trial.await_pages(60)


@pytest.mark.long
def test_web_process__frozen_before_its_commit__holds_nobody_up_for_long(bench: Bench) -> None:
    with bench.trial("SIGSTOP of a gunicorn process before its commit, then SIGCONT") as trial:
        fired = trial.fire("web.before-commit", STOP)
        trial.run_for(DEADLINE_SECONDS + 2)
        trial.mended()
        os.kill(fired.pid, signal.SIGCONT)
        trial.await_pages(20)


@pytest.mark.parametrize("days", [1, pytest.param(-1, marks=pytest.mark.long)])
def test_clock__of_one_web_process_wrong_by_a_day__changes_nothing(bench: Bench, days: int) -> None:
    with bench.trial(f"clock of one gunicorn process jumps by {days:+} day") as trial:
        points = bench.installation.points
        points.set_clock(bench.installation.web_processes()[0], days * DAY_SECONDS)
        trial.await_pages(80)


def test_migration__while_old_code_accepts__stops_nobody(bench: Bench) -> None:
    with bench.trial("migration while old code accepts") as trial:
        bench.installation.run("migrate")
        trial.execute(
            "SET lock_timeout = '4s'",
            "ALTER TABLE deliveries ADD COLUMN later text",
            "CREATE INDEX CONCURRENTLY deliveries_later ON deliveries (cohort_id, later)",
        )
        trial.await_pages(30)
        trial.execute("ALTER TABLE deliveries DROP COLUMN later", "RESET lock_timeout")
        assert trial.load.ear.statuses().count(503) == 0


def test_page__ten_times_at_once__is_stored_once(bench: Bench) -> None:
    with bench.trial("ten identical pages at once") as trial:
        for number in range(1, 11):
            page = lone_page(f"tenfold-{time.monotonic_ns()}", number)
            statuses: list[int] = []
            threads = [
                threading.Thread(target=lambda: statuses.append(trial.post(page).status))  # noqa: B023
                for _ in range(10)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert statuses == [200] * 10
            assert trial.count_deliveries(page) == 1


def test_bodies__cut_stalled_and_dripping_on_all_threads__delay_nobody(bench: Bench) -> None:
    with (
        bench.trial("64 truncated, stalled and dripping bodies at once") as trial,
        contextlib.ExitStack() as closing,
    ):
        began = time.monotonic()
        sockets = [closing.enter_context(begun(bench.installation)) for _ in range(64)]
        for cut in sockets[::3]:
            cut.shutdown(socket.SHUT_WR)
        waiting = [one for place, one in enumerate(sockets) if place % 3]
        while time.monotonic() - began < DEADLINE_SECONDS - 1:
            for dripping in waiting[::2]:
                dripping.sendall(b" ")
            time.sleep(0.5)
        for one in waiting:
            assert read_answer(one).status == 503
        trial.note(f"all of them answered 503 after {time.monotonic() - began:.1f} s at most")
        trial.note(f"honest pages meanwhile: p99 {trial.slowest(since=began, percentile=99):.2f} s")
        trial.mended()


def begun(installation: Installation) -> socket.socket:
    """Begin to post a page, and do not come to the end."""
    content = body(lone_page("never"))
    head = (
        f"POST {DEFAULT} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {basic_auth(USERNAME, PASSWORD)}\r\n"
        f"Content-Length: {len(content) + 1000}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", installation.port), timeout=30)
    connection.sendall(head.encode() + content)
    return connection
