"""Pipelines: one transaction, whose statements wait for the next trip to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.store.db.engine import Pool
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.store.db.statement import Pipeline

COUNT = Statement("SELECT count(*) AS sources FROM sources")
ADD = Statement("""
    INSERT INTO sources (slug, auth_required, created_at, project_ids)
    VALUES (:slug, true, CAST('2026-01-01' AS timestamptz), '{}')
""")
FAIL = Statement("SELECT 1 / CAST(:zero AS integer) AS never")
DIE = Statement("SELECT pg_terminate_backend(pg_backend_pid())")
LAST = Statement("SELECT query FROM pg_stat_activity WHERE pid = :pid")
SELF = Statement("SELECT pg_backend_pid() AS pid, '100 %' AS share, CAST(:a AS text) AS a, :b AS b")


Step: TypeAlias = "Callable[[Pipeline], object]"


def doing(what: Statement, **parameters: object) -> Step:
    return lambda trip: what.run(trip, parameters)


def asking(what: Statement, **parameters: object) -> Step:
    return lambda trip: what.rows(trip, parameters)


def crash(_trip: Pipeline) -> None:
    raise ZeroDivisionError


def go(pool: Pool, *steps: Step) -> None:
    with pool.pipeline() as trip:
        for step in steps:
            step(trip)


@pytest.fixture
def one(database_url: str) -> Iterator[Pool]:
    """A pool of a single connection, so that whatever it is left in is met again."""
    pool = Pool(database_url, name="test", size=1, limit_seconds=5)
    yield pool
    pool.close()


def seen(pool: Pool) -> int:
    with pool.read() as conn:
        return int(COUNT.rows(conn, {})[0].sources)


def backend(pool: Pool) -> int:
    with pool.read() as conn:
        return int(SELF.rows(conn, {"a": "", "b": 0})[0].pid)


def last_statement(pool: Pool, pid: int) -> str:
    with pool.read() as conn:
        return str(LAST.rows(conn, {"pid": pid})[0].query)


def test_rows__of_a_statement__have_columns_and_take_any_text(pool: Pool) -> None:
    odd = "a'b\\c%(b)s:b;--"
    with pool.read() as conn:
        (row,) = SELF.rows(conn, {"a": odd, "b": 2})
    assert (row.a, row.b, row.share) == (odd, 2, "100 %")


def test_statement__on_a_connection__is_run_at_once(pool: Pool) -> None:
    with pool.read() as conn:
        ADD.run(conn, {"slug": "a"})
        assert COUNT.column(conn, {}) == [1]
        assert COUNT.first(conn, {}).sources == 1
        assert LAST.first(conn, {"pid": 0}) is None


def test_pipeline__what_is_only_to_be_done__waits_for_an_answer_and_is_seen_by_it(
    pool: Pool, one: Pool
) -> None:
    with one.pipeline() as trip:
        ADD.run(trip, {"slug": "a"})
        ADD.run(trip, {"slug": "b"})
        assert COUNT.rows(trip, {})[0].sources == 2
        assert trip.conn.execute(text("SELECT count(*) FROM sources")).scalar_one() == 2
        assert seen(pool) == 0
        ADD.run(trip, {"slug": "c"})
    assert seen(pool) == 3


def test_pipeline__block_raises__rolls_back_and_leaves_nothing_open(one: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        go(one, doing(ADD, slug="a"), asking(COUNT), crash)
    assert seen(one) == 0
    with one.begin() as conn:  # which an open transaction would refuse
        conn.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))


def test_pipeline__block_raises_before_anything_was_sent__sends_nothing(one: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        go(one, doing(DIE), crash)
    assert seen(one) == 0


@pytest.mark.parametrize("fails", [doing(FAIL, zero=0), asking(FAIL, zero=0)])
def test_pipeline__statement_fails__nothing_of_it_is_kept(one: Pool, fails: Step) -> None:
    with pytest.raises(errors.Poison):
        go(one, doing(ADD, slug="a"), fails)
    assert seen(one) == 0


@pytest.mark.parametrize("breaks", [doing(DIE), asking(DIE)])
def test_pipeline__connection_breaks__is_unavailable_and_the_pool_goes_on(
    one: Pool, breaks: Step
) -> None:
    with pytest.raises(errors.Unavailable):
        go(one, doing(ADD, slug="a"), breaks)
    assert seen(one) == 0


def test_pipeline__that_cannot_roll_back__gives_its_connection_up(one: Pool, pool: Pool) -> None:
    def end_connection(_trip: Pipeline) -> None:
        with pool.read() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    pid = backend(one)
    with pytest.raises(ZeroDivisionError):
        go(one, doing(ADD, slug="a"), asking(COUNT), end_connection, crash)
    assert backend(one) != pid


def test_pipeline__unused__asks_nothing_of_the_server(one: Pool, pool: Pool) -> None:
    pid = backend(one)
    go(one)
    assert last_statement(pool, pid) != "COMMIT"
    go(one, asking(COUNT))
    assert last_statement(pool, pid) == "COMMIT"


def test_statement__connection_breaks__is_unavailable_and_the_pool_goes_on(one: Pool) -> None:
    with pytest.raises(errors.Unavailable), one.read() as conn:
        DIE.rows(conn, {})
    assert seen(one) == 0
