"""Pools: which database errors mean what, and that no wait is endless."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import psycopg2
import pytest
import sqlalchemy
from sqlalchemy import exc, text

from gateway import errors
from gateway.core import deadline
from gateway.local import embedded
from gateway.store.db import engine
from gateway.store.db.engine import Pool
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

# One of each class and of each single code that the table names, and of what it does not name.
TRANSIENT = (
    *("08000", "08001", "08003", "08004", "08006", "08P01"),
    *("53000", "53100", "53200", "53300", "53400"),
    *("57000", "57014", "57P01", "57P02", "57P03", "57P05"),
    *("58000", "58030", "40001", "40P01", "55P03", "25006", "25P03"),
    *("XX000", "22P05"),
)
POISON = ("22021", "22P02", "22P04", "23502", "23505", "23514", "54000", "54001")
BUGS = ("42601", "42P01", "42501", "25001", "25P02", "0A000", "XX001", "40002", "55000", "P0001")


@pytest.mark.parametrize("sqlstate", [*TRANSIENT, None])
def test_sqlstate__transient_or_none__is_unavailable(sqlstate: str | None) -> None:
    named = engine.name_sqlstate(sqlstate, driver_bug=False)
    assert isinstance(named, errors.Unavailable)


@pytest.mark.parametrize("sqlstate", POISON)
def test_sqlstate__of_data_that_is_refused__is_poison(sqlstate: str) -> None:
    named = engine.name_sqlstate(sqlstate, driver_bug=False)
    assert isinstance(named, errors.Poison)
    assert named.sqlstate == sqlstate


@pytest.mark.parametrize("sqlstate", BUGS)
def test_sqlstate__anything_else__is_a_bug(sqlstate: str) -> None:
    assert isinstance(engine.name_sqlstate(sqlstate, driver_bug=False), errors.InternalError)


def test_sqlstate__none_from_the_driver_itself__is_a_bug() -> None:
    assert isinstance(engine.name_sqlstate(None, driver_bug=True), errors.InternalError)


def test_read__whose_connection_is_closed_meanwhile__keeps_its_place_in_the_pool(
    database_url: str, shared_pool: Pool
) -> None:
    terminate = text("SELECT pg_terminate_backend(:pid, 5000)")
    pool = Pool(database_url, name="test", size=2, limit_seconds=8)
    for _ in range(3):
        with contextlib.suppress(errors.Unavailable), pool.read() as conn:
            pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with shared_pool.read() as other:
                other.execute(terminate, {"pid": pid})
    with pool.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
    pool.close()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1 / 0", errors.Poison),
        ("SELECT * FROM nothing", errors.InternalError),
        ("SELECT set_config('transaction_read_only', 'on', true)", None),
        ("SELECT pg_sleep(20)", errors.Unavailable),
        ("SELECT pg_terminate_backend(pg_backend_pid())", errors.Unavailable),
    ],
)
def test_pool__statement_fails__raises_one_of_ours(
    database_url: str, statement: str, expected: type[errors.GatewayError] | None
) -> None:
    with small_pool(database_url) as pool:
        with pytest.raises(expected) if expected else contextlib.nullcontext():
            run(pool, statement)
        run(pool, "SELECT 1")


def test_pool__internal_error__is_told_apart_from_what_passes(database_url: str) -> None:
    broken = "DO $$ BEGIN RAISE 'odd' USING ERRCODE = 'internal_error'; END $$"
    with (
        small_pool(database_url) as pool,
        pytest.raises(errors.DatabaseInternalError, match="XX000"),
    ):
        run(pool, broken)


def test_pool__statement_is_empty__is_a_bug(database_url: str) -> None:
    with small_pool(database_url) as pool, pool.begin() as conn:
        cursor = conn.connection.cursor()
        with pytest.raises(errors.InternalError, match="driver"), engine.translated():
            cursor.execute("")


def test_pool__read_only_server__is_unavailable(database_url: str) -> None:
    with small_pool(database_url) as pool, pytest.raises(errors.Unavailable, match="25006"):
        run(pool, "SET LOCAL transaction_read_only = on", "CREATE TABLE never (id int)")


def test_pool__copy_of_bad_data__is_poison(database_url: str) -> None:
    with small_pool(database_url) as pool, pytest.raises(errors.Poison, match="22P02"):
        copy_numbers(pool, b"1\nx\n")


def test_pool__lock_held_by_another__waits_no_longer_than_its_limit(
    pool: Pool, database_url: str
) -> None:
    with small_pool(database_url) as waiting, pool.begin() as holder:
        holder.execute(text("SELECT pg_advisory_xact_lock(1)"))
        began = time.monotonic()
        with pytest.raises(errors.Unavailable):
            run(waiting, "SELECT pg_advisory_xact_lock(1)")
        assert time.monotonic() - began < 3


def test_pool__every_connection_busy__is_unavailable(database_url: str) -> None:
    with small_pool(database_url) as pool, pool.begin(), pytest.raises(errors.Unavailable):
        run(pool, "SELECT 1")


def test_pool__nobody_listens__is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg2://gateway@127.0.0.1:{unused.getsockname()[1]}/gateway"
        with small_pool(url) as pool, pytest.raises(errors.Unavailable):
            run(pool, "SELECT 1")


def test_pool__request_has_no_time_left__is_unavailable_without_asking(pool: Pool) -> None:
    deadline.start(time.monotonic() - 1)
    try:
        with pytest.raises(errors.Unavailable, match="no time left"):
            run(pool, "SELECT 1")
    finally:
        deadline.start()


def test_pool__idle_connection_was_closed_by_the_server__is_replaced(database_url: str) -> None:
    with small_pool(database_url) as pool, small_pool(database_url) as other:
        backend = backend_of(pool)
        with other.read() as conn:
            conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})
        assert backend_of(pool) != backend


def test_pool__server_closes_every_new_connection__is_unavailable_until_it_stops(
    shared_pool: Pool, empty_url: str
) -> None:
    name = sqlalchemy.make_url(empty_url).database
    with small_pool(empty_url) as pool:
        backend = backend_of(pool)
        # By then the server has closed a session that may not be idle for that long.
        sqlalchemy.event.listen(pool.engine, "connect", lambda *_: time.sleep(0.5))
        administer(shared_pool, f"ALTER DATABASE {name} SET idle_session_timeout = '200ms'")
        administer(shared_pool, f"SELECT pg_terminate_backend({backend}, 5000)")
        for _ in range(2):
            with pytest.raises(errors.Unavailable, match="closes every new connection"):
                run(pool, "SELECT 1")
        administer(shared_pool, f"ALTER DATABASE {name} RESET idle_session_timeout")
        run(pool, "SELECT 1")


def test_pool__behind_a_pooler_that_drops_its_limits__imposes_them_on_each_transaction(
    database_url: str,
) -> None:
    with small_pool(database_url) as pool:
        sqlalchemy.event.listen(pool.engine, "connect", drop_limits, insert=True)
        for lend in (pool.begin, pool.read):
            with lend() as conn:
                assert conn.execute(text("SHOW statement_timeout")).scalar_one() == "1s"
        with pool.pipeline() as trip:
            assert trip.conn.execute(text("SHOW statement_timeout")).scalar_one() == "1s"
        with pytest.raises(errors.Unavailable, match="57014"):
            run(pool, "SELECT pg_sleep(20)")


def drop_limits(connection: psycopg2.extensions.connection, _record: object) -> None:
    """Do what a pooler does that lends another session than the one that was asked for."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
    connection.autocommit = False


def administer(pool: Pool, statement: str) -> None:
    """Run one statement outside any transaction."""
    with pool.read() as conn:
        conn.execute(text(statement))


def test_pool__block_raises__rolls_back(database_url: str) -> None:
    with small_pool(database_url) as pool:
        with pytest.raises(errors.Poison):
            run(pool, "CREATE TABLE never (id int)", "SELECT 1 / 0")
        with pytest.raises(errors.InternalError, match="42P01"):
            run(pool, "SELECT * FROM never")


def test_pool__server_freezes_in_the_middle__is_unavailable_in_time(
    tmp_path: pathlib.Path,
) -> None:
    with (
        embedded.postgres(tmp_path, durability=embedded.Durability.NONE) as server,
        small_pool(server.url) as pool,
    ):
        backend = backend_of(pool)
        os.kill(backend, signal.SIGSTOP)
        began = time.monotonic()
        try:
            with pytest.raises(errors.Unavailable):
                run(pool, "SELECT 1")
        finally:
            os.kill(backend, signal.SIGCONT)
        assert time.monotonic() - began < 5
        assert backend_of(pool) != backend


def test_pool__connection_cut_in_the_middle__is_unavailable(database_url: str) -> None:
    with small_pool(database_url) as pool, pytest.raises(errors.Unavailable):
        sleep_and_be_cut(pool)


def test_classify__connection_invalidated__is_unavailable_whatever_the_driver_says() -> None:
    lost = exc.DBAPIError("", {}, psycopg2.ProgrammingError(), connection_invalidated=True)
    assert isinstance(engine.classify(lost), errors.Unavailable)
    refused = exc.DBAPIError("", {}, psycopg2.ProgrammingError())
    assert isinstance(engine.classify(refused), errors.InternalError)


def test_pool__error_of_a_statement__does_not_repeat_it(database_url: str) -> None:
    with small_pool(database_url) as pool, pytest.raises(errors.Poison) as caught:
        run(pool, "SELECT CAST('somebody@example.com' AS int)")
    assert "somebody" not in str(caught.value)
    assert isinstance(pool.engine, sqlalchemy.Engine)


def test_single__its_second_statement_fails__undoes_the_first(pool: Pool) -> None:
    two = Statement("""
        INSERT INTO sources (slug, auth_required, created_at) VALUES ('one', false, :now);
        SELECT 1 / :zero
    """)
    with pytest.raises(errors.Poison), pool.single() as conn:
        two.run(conn, {"now": "2026-01-01", "zero": 0})
    with pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM sources")).scalar_one() == 0


@contextlib.contextmanager
def small_pool(url: str, *, size: int = 1) -> Iterator[Pool]:
    """Lend a pool with a limit of a second."""
    pool = Pool(url, name="test", size=size, limit_seconds=1)
    try:
        yield pool
    finally:
        pool.close()


def run(pool: Pool, *statements: str) -> None:
    with pool.begin() as conn:
        for statement in statements:
            conn.execute(text(statement))


def backend_of(pool: Pool) -> int:
    with pool.read() as conn:
        return int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())


def copy_numbers(pool: Pool, lines: bytes) -> None:
    with pool.begin() as conn:
        conn.execute(text("CREATE TEMPORARY TABLE one (number int) ON COMMIT DROP"))
        conn.connection.cursor().copy_expert("COPY one FROM STDIN", io.BytesIO(lines))


def sleep_and_be_cut(pool: Pool) -> None:
    with pool.begin() as conn:
        driver = conn.connection.dbapi_connection
        assert driver is not None
        with socket.socket(fileno=os.dup(driver.fileno())) as same:
            threading.Timer(0.2, same.shutdown, [socket.SHUT_RDWR]).start()
            conn.execute(text("SELECT pg_sleep(10)"))
