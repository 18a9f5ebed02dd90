"""MySQL's protocol with Debian's MariaDB: sessions that only read, and say what went wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from gateway import database_errors, errors
from gateway.core.cohorts.failures import Failure
from gateway.sources import kinds
from gateway.sources.sql import definition, queries, reading, values
from gateway.sources.sql.queries import Query
from gateway.sources.sql.session import Session, Target
from tests.vendors import canary
from tests.vendors.mysql import server as servers
from tests.vendors.mysql.server import PASSWORD, VENDOR, Server

TABLES = (
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    "CREATE DATABASE other",
    "CREATE TABLE other.hidden (id int)",
    "CREATE TABLE shop.users (id varchar(20), email text, visits int, plan json, seen datetime)",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with roles that may read, and write."""
    with servers.running(tmp_path_factory.mktemp("mariadb")) as made:
        quoted = PASSWORD.replace("'", "''")
        made.run(
            *TABLES,
            "INSERT INTO shop.users VALUES ('u1', 'ada@example.com', 3, '{\"a\": 1}',"
            " '2026-03-29 01:30'), ('u2', NULL, NULL, NULL, NULL)",
            f"CREATE USER reader@'%' IDENTIFIED BY '{quoted}'",
            f"CREATE USER writer@'%' IDENTIFIED BY '{quoted}'",
            "GRANT SELECT ON shop.* TO reader@'%'",
            "GRANT SELECT, INSERT, DELETE ON shop.* TO writer@'%'",
        )
        yield made


@contextlib.contextmanager
def opened(target: Target) -> Iterator[Session]:
    with contextlib.closing(reading.open_session(VENDOR, target)) as session:
        yield session


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    """Lend a session of the role that may only read."""
    with opened(server.target()) as made:
        yield made


def rows(session: Session, text: str) -> list[Sequence[Any]]:
    result = session.read(queries.require(text, VENDOR.dialect), rows_per_batch=2)
    return [row for batch in result.batches() for row in batch]


def failure(of: Callable[[], object]) -> errors.ReadFailed:
    with pytest.raises(errors.ReadFailed) as failed:
        of()
    assert PASSWORD not in str(failed.value)
    return failed.value


def test_kind__with_its_client_installed__is_available() -> None:
    assert kinds.KINDS["mysql"].reason is None


def test_rows__of_every_type__have_forms_that_are_known(session: Session) -> None:
    text = """
        SELECT 'é "x"', 12345678901234567890, 10.50, 1.5e0, NULL, CAST('2026-03-29' AS date),
               CAST('2026-03-29 01:30:00.25' AS datetime(2)), CAST('30:00:01' AS time),
               x'dead', b'101', CAST('0000-00-00' AS date)
    """
    (found,) = rows(session, text)
    assert [values.plain(one) for one in found] == [
        'é "x"',
        12345678901234567890,
        10.5,
        1.5,
        None,
        "2026-03-29",
        "2026-03-29T01:30:00.250000Z",
        "30:00:01",
        "dead",
        "05",
        "0000-00-00",
    ]
    assert found[2] == Decimal("10.50")


def test_preview__of_a_query__has_columns_estimate_and_warnings(session: Session) -> None:
    query = queries.require("SELECT ID, email FROM users ORDER BY 1", VENDOR.dialect)
    found = reading.preview(session, query, member_id="id", limit_seconds=20)
    assert [(one.name, one.type) for one in found.columns] == [
        ("ID", "var_string"),
        ("email", "blob"),
    ]
    assert found.rows == [["u1", "ada@example.com"], ["u2", None]]
    assert found.estimate.rows == 2


def test_rows__of_many__come_as_they_are_asked_for(session: Session) -> None:
    query = queries.require("SELECT seq AS id FROM seq_1_to_49900", VENDOR.dialect)
    result = session.read(query, rows_per_batch=10_000)
    assert [len(batch) for batch in result.batches()] == [10_000] * 4 + [9_900]


def test_rows__without_one__are_none(session: Session) -> None:
    assert rows(session, "SELECT id FROM users WHERE false") == []


def test_rows__of_a_million__come_in_batches_in_little_memory(session: Session) -> None:
    query = queries.require("SELECT seq AS id FROM seq_1_to_1000000", VENDOR.dialect)
    batches = session.read(query, rows_per_batch=10_000).batches()
    count, last = len(next(batches)), None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for batch in batches:
        count, last = count + len(batch), batch[-1]
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (count, last) == (1_000_000, (1_000_000,))
    assert grown_kib < 64 * 1024


def test_session__whatever_is_sent__does_not_write(server: Server) -> None:
    for text in (
        "INSERT INTO users (id) VALUES ('x')",
        "SELECT 1; COMMIT; INSERT INTO users (id) VALUES ('x')",
        "SELECT 1 /*! INTO OUTFILE '/tmp/cohort-gateway-outfile' */",
    ):
        with opened(server.target("writer")) as session, pytest.raises(errors.ReadFailed):
            session.read(Query(text), rows_per_batch=2)
    assert server.run("SELECT count(*) FROM shop.users WHERE id = 'x'") == ((0,),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT nothing FROM users", Failure.QUERY_INVALID),
        ("SELECT 1 FROM nowhere", Failure.QUERY_INVALID),
        ("SELECT id FROM other.hidden", Failure.PERMISSION),
    ],
)
def test_query__that_the_server_refuses__says_why(
    session: Session, text: str, expected: Failure
) -> None:
    failed = failure(lambda: rows(session, text))
    assert (failed.failure, bool(failed.hint)) == (expected, True)


def test_tables__that_may_be_read__are_listed_with_columns(session: Session) -> None:
    found = reading.schema(session, "SHOP.", limit_seconds=20)
    assert [(one.schema, one.name) for one in found.tables] == [("shop", "users")]
    assert [(one.name, one.type) for one in found.tables[0].columns][:3] == [
        ("id", "varchar(20)"),
        ("email", "text"),
        ("visits", "int(11)"),
    ]


def test_role__that_may_more_than_read__is_told_how(server: Server) -> None:
    with opened(server.target()) as session:
        assert list(session.powers()) == []
    with opened(server.target("writer")) as session:
        assert list(session.powers()) == ["it has DELETE, INSERT on `shop`.*"]


def test_sign_in__with_what_is_wrong__fails_with_a_code(server: Server) -> None:
    target = server.target()
    wrong = dataclasses.replace(target, secrets={"password": "wrong"})
    nobody, nowhere = server.target("nobody"), server.target(database="nowhere")
    for one in (wrong, nobody, nowhere):
        found = failure(lambda one=one: reading.open_session(VENDOR, one))  # type: ignore[misc]
        assert found.failure == Failure.SIGN_IN_FAILED


def test_connection__that_cannot_be__says_why(server: Server) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        closed = server.target(port=bound.getsockname()[1])
        for connect in (VENDOR.load().connect, VENDOR.load().greet):
            found = failure(lambda connect=connect: connect(closed, ["127.0.0.1"]))  # type: ignore[misc]
            assert found.failure == Failure.UNREACHABLE
    VENDOR.load().greet(server.target(), ["127.0.0.1"])
    for connect in (VENDOR.load().connect, VENDOR.load().greet):
        found = failure(lambda connect=connect: connect(server.target(tls="verify"), ["127.0.0.1"]))  # type: ignore[misc]
        assert "TLS" in str(found) or "SSL" in str(found)
        assert found.failure == Failure.UNREACHABLE


def test_read__not_wanted_any_more__is_canceled_on_the_server(
    server: Server, session: Session
) -> None:
    given = {"query": "SELECT sleep(60) AS id", "member_id": "id"}
    defined = definition.read(given, VENDOR.dialect)
    start = time.monotonic()
    read = reading.read(session, defined, limit_seconds=60, most_rows=10, is_wanted=lambda: False)
    with pytest.raises(database_errors.ReadCanceled):
        list(read)
    assert time.monotonic() - start < 10
    assert server.run(
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE"
        " '%sleep(60)%' AND user = 'reader'"
    ) == ((0,),)


def test_read__longer_than_it_may_take__is_timed_out(session: Session) -> None:
    query = queries.require("SELECT sleep(60) AS id", VENDOR.dialect)
    failed = failure(lambda: reading.preview(session, query, member_id=None, limit_seconds=0.5))
    assert failed.failure == Failure.TIMED_OUT


def test_read__of_a_server_that_ends_it__is_unreachable(server: Server, session: Session) -> None:
    query = queries.require("SELECT seq AS id FROM seq_1_to_9000000", VENDOR.dialect)
    batches = iter(session.read(query, rows_per_batch=10).batches())
    next(batches)
    ((number,),) = server.run("SELECT id FROM information_schema.processlist WHERE user = 'reader'")
    threading.Thread(target=server.run, args=(f"KILL {number}",)).start()
    assert failure(lambda: list(batches)).failure == Failure.UNREACHABLE


def test_secrets__in_the_logs_of_the_client__are_not_seen(server: Server) -> None:
    wrong = dataclasses.replace(server.target(), secrets={"password": "the wrong password"})
    with canary.listening(PASSWORD, "the wrong password"):
        with opened(server.target()) as session:
            assert rows(session, "SELECT 1 AS id") == [(1,)]
        failure(lambda: reading.open_session(VENDOR, wrong))
