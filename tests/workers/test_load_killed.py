"""Readers and workers that are killed in the middle of a load, and what memory a load takes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.core.cohorts.load import Mode, State
from gateway.flows.cohorts import load
from gateway.flows.cohorts.step import MAX_LOST
from tests import stack
from tests.model import book
from tests.model.loading import begun, seal, stage, staged, state
from tests.model.sender import ADD, MEMBERS
from tests.workers.loading import PAGE_ROWS
from tests.workers.test_killed import is_stopped, stopping_at_a

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.core.cohorts.load import Load
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

MANY = 1_000_000
SOME = 200_000
MOST_MEBIBYTES = 200


@contextlib.contextmanager
def reading(
    cohort: Receipt, environ: dict[str, str], *, mode: Mode, count: int
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a reader; yields it with the number of its load, and kills it at the end."""
    words = [sys.executable, "-m", "tests.workers.loading", str(cohort.cohort_id), mode, str(count)]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        yield reader, int(reader.stdout.readline())
        reader.send_signal(signal.SIGKILL)


def found(pool: Pool, cohort: Receipt, number: int) -> Load:
    one = load.find(pool, cohort.cohort_id, number)
    assert one is not None
    return one


@pytest.fixture
def cohort(desk: Desk) -> Receipt:
    """Make a cohort with two members."""
    made = desk.send(MEMBERS, "s", "bc")
    desk.settle(made)
    return made


def test_reader__killed_while_it_stages__has_changed_nothing_and_is_replaced(
    desk: Desk, pool: Pool, cohort: Receipt, environ: dict[str, str]
) -> None:
    with reading(cohort, environ, mode=Mode.REPLACE, count=MANY) as (_, number):
        stack.until(lambda: staged(pool) >= 3)
    one = found(pool, cohort, number)
    assert (one.state, one.pages) == (State.READING, staged(pool))
    assert desk.members(cohort) == "bc"
    again = load.read_again(pool, one)
    assert staged(pool) == 0
    stage(desk, again, "xy")
    assert seal(desk, again)
    assert desk.members(cohort) == "xy"


def test_reader__killed_while_it_seals__has_sealed_nothing(
    desk: Desk, pool: Pool, cohort: Receipt, environ: dict[str, str]
) -> None:
    with stopping_at_seal(pool):
        with reading(cohort, environ, mode=Mode.REPLACE, count=1) as (_, number):
            stack.until(lambda: is_stopped(pool))
        stack.until(lambda: not is_stopped(pool))
    one = found(pool, cohort, number)
    assert (one.state, one.pages) == (State.READING, 1)
    assert desk.settle(cohort).received == 1
    assert seal(desk, one)
    assert list(desk.settle(cohort).members) == ["u0"]
    assert len(book.moves(pool, cohort.cohort_id)) == 5


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.ADD])
def test_worker__killed_while_it_applies_a_load__has_applied_nothing_and_it_is_applied_once(
    desk: Desk, pool: Pool, cohort: Receipt, environ: dict[str, str], mode: Mode
) -> None:
    one = begun(desk, cohort, mode, "xy", "a", "b")
    assert seal(desk, one)
    with stopping_at_a(pool):
        for _ in range(MAX_LOST - 1):
            kill_a_worker(pool, cohort, environ)
            assert list(book.standing(pool, cohort.cohort_id).members) == ["b", "c"]
    assert desk.members(cohort) == ("abxy" if mode is Mode.REPLACE else "abcxy")
    assert state(desk, one) is State.APPLIED


def test_worker__killed_again_and_again_at_a_load__gets_it_blocked_as_a_whole(
    desk: Desk, pool: Pool, cohort: Receipt, environ: dict[str, str]
) -> None:
    assert seal(desk, begun(desk, cohort, Mode.ADD, "xy", "a"))
    desk.send(ADD, "t", "d")
    with stopping_at_a(pool):
        for _ in range(MAX_LOST):
            kill_a_worker(pool, cohort, environ)
        assert desk.members(cohort) == "bcd"
    assert book.blocked(pool, cohort.cohort_id) == [2]


@pytest.mark.parametrize("mode", Mode)
def test_memory__of_reader_and_worker__does_not_grow_with_the_rows(
    desk: Desk, pool: Pool, environ: dict[str, str], mode: Mode
) -> None:
    cohort = desk.send(ADD, "s", "a")
    with reading(cohort, environ, mode=mode, count=SOME) as (reader, _):
        assert reader.stdout is not None
        assert int(reader.stdout.readline()) < MOST_MEBIBYTES
    assert staged(pool) == SOME // PAGE_ROWS
    words = [sys.executable, "-m", "tests.workers.peak", str(cohort.cohort_id)]
    done = subprocess.run(words, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    expected = {Mode.REPLACE: SOME, Mode.ADD: SOME + 1, Mode.REMOVE: 1}
    assert book.standing(pool, cohort.cohort_id).member_count == expected[mode]
    assert int(done.stdout.splitlines()[-1]) < MOST_MEBIBYTES


def kill_a_worker(pool: Pool, cohort: Receipt, environ: dict[str, str]) -> None:
    """Let a worker apply until it is held up, and kill it."""
    words = [sys.executable, "-m", "tests.workers.peak", str(cohort.cohort_id)]
    worker = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL)
    stack.until(lambda: is_stopped(pool))
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    stack.until(lambda: not is_stopped(pool))


@contextlib.contextmanager
def stopping_at_seal(pool: Pool) -> Iterator[None]:
    """Hold up a load whose delivery has been written, before what is counted of it is."""
    with pool.begin() as conn:
        conn.execute(_STOP)
        conn.execute(_AFTER_SEALING)
    try:
        yield
    finally:
        with pool.begin() as conn:
            conn.execute(text("DROP FUNCTION stop() CASCADE"))


_STOP = text("""
    CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(600); RETURN new; END $$
""")

_AFTER_SEALING = text("""
    CREATE TRIGGER stop AFTER INSERT ON deliveries
    FOR EACH ROW WHEN (new.load IS NOT NULL) EXECUTE FUNCTION stop()
""")
