"""The network between the programs and their servers is slow, silent, cut or rude."""

from __future__ import annotations

import time

import pytest

from tests.faults.proxy import Proxy
from tests.faults.report import Bound
from tests.faults.trial import Bench

HOLE_SECONDS = 11.0
DEADLINE_SECONDS = 10.0


def test_commit__whose_answer_is_cut_off__is_stored_once(wired: Bench) -> None:
    with wired.trial("answers to COMMITs cut off (ambiguous commits)") as trial:
        proxy = to_postgres(wired)
        before = proxy.cut_commits
        proxy.cut_answers_to_commit(20)
        trial.await_pages(30)
        trial.note(f"{proxy.cut_commits - before} were cut off")
        assert proxy.cut_commits > before


def test_postgres__answers_cut_after_some_bytes__loses_nothing(wired: Bench) -> None:
    with wired.trial("answers of Postgres cut after 1 to 2,000 bytes") as trial:
        for count in (1, 5, 40, 200, 700, 2000):
            to_postgres(wired).cut_after(count)
            trial.await_pages(8)


def test_postgres__connections_reset__loses_nothing(wired: Bench) -> None:
    with wired.trial("connections to Postgres reset for 2 s, then again and again") as trial:
        to_postgres(wired).reset()
        trial.run_for(2)
        to_postgres(wired).heal()
        trial.mended()
        for _ in range(10):
            to_postgres(wired).reset_once()
            trial.run_for(0.2)


def test_postgres__connections_half_closed__loses_nothing(wired: Bench) -> None:
    with wired.trial("connections to Postgres half closed") as trial:
        for _ in range(5):
            to_postgres(wired).half_close()
            trial.run_for(0.3)
        trial.mended()


@pytest.mark.long
def test_postgres__slow__loses_nothing(wired: Bench) -> None:
    with wired.trial("30 ms more to and from Postgres") as trial:
        to_postgres(wired).delay(0.03)
        trial.await_pages(30)
        to_postgres(wired).heal()


@pytest.mark.long
def test_postgres__in_a_black_hole__is_503_by_the_deadline(wired: Bench) -> None:
    with wired.trial(f"black hole before Postgres for {HOLE_SECONDS:.0f} s") as trial:
        began = time.monotonic()
        to_postgres(wired).swallow()
        trial.run_for(HOLE_SECONDS)
        to_postgres(wired).heal()
        trial.mended()
        slowest = trial.slowest(since=began)
        trial.measure(Bound.HUNG, slowest)
        trial.await_pages(20)
        assert slowest < DEADLINE_SECONDS + 2


@pytest.mark.long
def test_valkey__in_a_black_hole_or_reset__is_not_missed(wired: Bench) -> None:
    with wired.trial("black hole before Valkey for 5 s, then resets") as trial:
        proxy = wired.installation.to_valkey
        assert proxy is not None
        proxy.swallow()
        trial.run_for(5)
        proxy.heal()
        for _ in range(5):
            proxy.reset_once()
            trial.run_for(0.3)
        trial.mended()
        assert set(trial.load.ear.statuses()) == {200}


def to_postgres(wired: Bench) -> Proxy:
    """Return the proxy before Postgres."""
    proxy = wired.installation.to_postgres
    assert proxy is not None
    return proxy
