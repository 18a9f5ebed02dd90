"""PostgreSQL, the real one: sessions that only read, whatever is sent, and say what went wrong."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time

import pytest

from gateway import database_errors, errors
from gateway.core.cohorts.failures import Failure
from gateway.reach import Reach
from gateway.sources.sql import definition, queries, reading, watchdog
from gateway.sources.sql.queries import Query
from gateway.sources.sql.session import Session
from tests.customer import Customer
from tests.sources.sql import cases
from tests.sources.sql.asking import VENDOR, failure, opened, previewed, rows
from tests.stack import until

ACTIVE = (
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'cohort-gateway' AND state = 'active'"
)


def test_session__whatever_is_sent__does_not_write(customer: Customer) -> None:
    for user in (customer.writer, customer.owner):
        for text in (
            "INSERT INTO shop.users VALUES ('x')",
            "SELECT 1; COMMIT; INSERT INTO shop.users VALUES ('x')",
            "SELECT nextval('shop.numbers')",
        ):
            with opened(customer.target(user)) as session, pytest.raises(errors.ReadFailed):
                session.read(Query(text), rows_per_batch=2)
    assert customer.run("SELECT count(*) FROM shop.users WHERE id = 'x'") == [(0,)]


def test_session__asked_to_become_writable__stays_as_it_is(customer: Customer) -> None:
    with opened(customer.target(customer.owner)) as session:
        text = "SELECT set_config('transaction_read_only', 'off', false)"
        failed = failure(lambda: session.read(Query(text), rows_per_batch=1))
    assert failed.failure == Failure.QUERY_INVALID


@pytest.mark.parametrize(
    ("text", "expected", "said"),
    [
        ("SELECT nothing FROM shop.users", Failure.QUERY_INVALID, "character 8"),
        ("SELECT 1 FROM shop.nowhere", Failure.QUERY_INVALID, "shop.nowhere"),
        ("SELECT id FROM shop.hidden", Failure.PERMISSION, "hidden"),
        ("SELECT 1 / (visits - visits) FROM shop.users", Failure.QUERY_INVALID, "zero"),
        ("SELECT shop.writes()", Failure.WRITES, "read-only"),
    ],
)
def test_query__that_the_server_refuses__says_why(
    customer: Customer, session: Session, text: str, expected: Failure, said: str
) -> None:
    customer.run(
        "CREATE OR REPLACE FUNCTION shop.writes() RETURNS int SECURITY DEFINER LANGUAGE sql AS"
        " $$ INSERT INTO shop.users VALUES ('x'); SELECT 1 $$"
    )
    failed = failure(lambda: rows(session, text))
    assert failed.failure == expected
    assert said in str(failed)
    assert failed.hint
    if expected == Failure.PERMISSION:
        cases.see("permission", failed)
    if "nothing" in text or "nowhere" in text:
        cases.see("missing", failed)


def test_query__refused_by_the_planner__says_why(session: Session) -> None:
    failed = failure(lambda: previewed(session, "SELECT  nothing FROM shop.users"))
    assert failed.failure == Failure.QUERY_INVALID
    assert "character 9" in str(failed)


def test_tables__that_may_be_read__are_listed_with_columns(session: Session) -> None:
    found = reading.schema(session, "SHOP.", limit_seconds=20)
    assert [(one.schema, one.name) for one in found.tables] == [("shop", "pros"), ("shop", "users")]
    assert [(one.name, one.type) for one in found.tables[1].columns] == [
        ("id", "text"),
        ("email", "text"),
        ("plan", "text"),
        ("visits", "integer"),
        ("Odd Name", "boolean"),
    ]
    assert reading.schema(session, "%", limit_seconds=20).tables == []
    assert len(session.tables("", most=1)) == 1


def test_role__that_may_more_than_read__is_told_how(customer: Customer) -> None:
    with opened(customer.target()) as session:
        assert list(session.powers()) == []
    with opened(customer.target(customer.owner)) as session:
        assert list(session.powers()) == ["it is a superuser"]
    with opened(customer.target(customer.writer)) as session:
        assert list(session.powers()) == [
            "it owns shop.mine",
            "it may write shop.hidden and 3 more",
            "it may create roles or databases",
            "it is a member of pg_write_all_data",
            "it may create tables in shop",
        ]


def test_sign_in__with_what_is_wrong__fails_with_a_code(customer: Customer) -> None:
    target = customer.target()
    wrong = dataclasses.replace(target, secrets={"password": "wrong"})
    cases.see("sign_in", failure(lambda: reading.open_session(VENDOR, wrong)))
    nobody = customer.target("nobody_of_this_name")
    cases.see("sign_in", failure(lambda: reading.open_session(VENDOR, nobody)))
    nowhere = customer.target(database="nowhere")
    cases.see("sign_in", failure(lambda: reading.open_session(VENDOR, nowhere)))


def test_sign_in__where_nothing_listens__is_unreachable(customer: Customer) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        target = customer.target(port=bound.getsockname()[1])
        cases.see("nowhere", failure(lambda: reading.open_session(VENDOR, target)))


def test_sign_in__to_a_host_that_may_not_be__is_refused(customer: Customer) -> None:
    target = dataclasses.replace(customer.target(), reach=Reach())
    failed = failure(lambda: reading.open_session(VENDOR, target))
    assert failed.failure == Failure.FORBIDDEN_ADDRESS
    target = customer.target(host="no-such-host.invalid")
    assert failure(lambda: reading.open_session(VENDOR, target)).failure == Failure.UNREACHABLE


def test_session__is_known_to_the_server_by_its_name(customer: Customer, session: Session) -> None:
    until(lambda: customer.backends() == 1)  # the server may still end those of earlier tests
    session.close()
    session.close()
    assert failure(lambda: rows(session, "SELECT 1")).failure == Failure.UNREACHABLE


def test_read__longer_than_it_may_take__is_canceled_on_the_server(
    customer: Customer, session: Session
) -> None:
    start = time.monotonic()
    query = queries.require("SELECT shop.slow()", "postgres")
    failed = failure(lambda: reading.preview(session, query, member_id=None, limit_seconds=0.5))
    cases.see("slow", failed)
    assert time.monotonic() - start < 10
    assert customer.run(ACTIVE) == []


def test_read__not_wanted_any_more__is_canceled(session: Session) -> None:
    defined = definition.read(
        {"query": "SELECT shop.slow() AS id", "member_id": "id"}, VENDOR.dialect
    )
    read = reading.read(session, defined, limit_seconds=60, most_rows=10, is_wanted=lambda: False)
    with pytest.raises(database_errors.ReadCanceled):
        list(read)


def test_read__that_ends_before_it_is_canceled__is_canceled_as_well(session: Session) -> None:
    wanted = threading.Event()

    def look() -> bool:
        wanted.set()
        return False

    def read() -> None:
        with watchdog.watched(session, seconds=9, is_wanted=look, look_seconds=0.01):
            assert wanted.wait(5)
            time.sleep(0.1)

    with pytest.raises(database_errors.ReadCanceled):
        read()


def test_read__that_is_wanted_for_a_while__is_looked_at_again(session: Session) -> None:
    looks = iter([True, True, False])
    with (
        pytest.raises(database_errors.ReadCanceled),
        watchdog.watched(session, seconds=9, is_wanted=lambda: next(looks), look_seconds=0.01),
    ):
        session.rows("SELECT pg_sleep(9)")  # type: ignore[attr-defined] # of PostgreSQL alone
    assert list(looks) == []


def test_session__that_goes_on_after_its_cancels__is_cut_off(session: Session) -> None:
    for _ in range(4):
        session.cancel()
    failed = failure(lambda: rows(session, "SELECT 1"))
    assert failed.failure == Failure.UNREACHABLE


def test_session__that_was_closed__may_be_canceled_as_often_as_before(customer: Customer) -> None:
    with opened(customer.target()) as session:
        session.close()
        for _ in range(5):
            session.cancel()
        assert failure(lambda: rows(session, "SELECT 1 AS one")).failure == Failure.UNREACHABLE


def test_read__of_a_definition__gives_batches_up_to_the_most_rows(session: Session) -> None:
    given = {"query": "SELECT n AS id FROM generate_series(1, 25) n", "member_id": "ID"}
    defined = definition.read(given, VENDOR.dialect)

    def read(most_rows: int) -> list[int]:
        found = reading.read(
            session,
            defined,
            limit_seconds=60,
            most_rows=most_rows,
            is_wanted=lambda: True,
            rows_per_batch=10,
        )
        return [batch.usable for batch in found]

    assert read(25) == [10, 10, 5]
    session.close()


def test_read__of_too_many_rows__fails(session: Session) -> None:
    given = {"query": "SELECT n AS id FROM generate_series(1, 25) n", "member_id": "id"}
    defined = definition.read(given, VENDOR.dialect)
    read = reading.read(
        session, defined, limit_seconds=60, most_rows=24, is_wanted=lambda: True, rows_per_batch=10
    )
    assert failure(lambda: list(read)).failure == Failure.TOO_MANY_ROWS


def test_read__when_the_server_ends_the_session__is_unreachable(
    customer: Customer, session: Session
) -> None:
    query = queries.require("SELECT n FROM generate_series(1, 100000) n", "postgres")
    batches = iter(session.read(query, rows_per_batch=10).batches())
    next(batches)
    customer.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'cohort-gateway'"
    )
    cases.see("dies", failure(lambda: list(batches)))


def test_query__of_a_text_that_is_no_utf_8__says_so(session: Session) -> None:
    # Of a database in SQL_ASCII; there the server does not convert.
    failed = session._failed(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"))  # type: ignore[attr-defined]  # noqa: SLF001
    assert failed.failure == Failure.QUERY_INVALID
