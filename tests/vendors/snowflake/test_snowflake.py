"""Snowflake through its client: sign-in by key pair or token, reads in batches, and refusals."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway import database_errors, errors
from gateway.core.cohorts.failures import Failure
from gateway.sources import kinds
from gateway.sources.sql import definition, queries, reading, values
from gateway.sources.sql.queries import Query
from gateway.sources.sql.session import Session, Target
from gateway.sources.sql.snowflake import catalog
from tests.vendors import canary
from tests.vendors.snowflake import service as services
from tests.vendors.snowflake.service import TOKEN, VENDOR, Scripted, Service

MILLION = 1_000_000


@pytest.fixture
def service() -> Iterator[Service]:
    """Run the service."""
    with services.running() as made:
        yield made


@contextlib.contextmanager
def opened(target: Target) -> Iterator[Session]:
    with contextlib.closing(reading.open_session(VENDOR, target)) as session:
        yield session


def rows(session: Session, text: str) -> list[Sequence[Any]]:
    result = session.read(queries.require(text, VENDOR.dialect), rows_per_batch=2)
    return [row for batch in result.batches() for row in batch]


def failure(of: Callable[[], object]) -> errors.ReadFailed:
    with pytest.raises(errors.ReadFailed) as failed:
        of()
    assert "PRIVATE KEY" not in str(failed.value)
    assert TOKEN not in str(failed.value)
    return failed.value


def test_kind__with_its_client_installed__is_available() -> None:
    assert kinds.KINDS["snowflake"].reason is None


def test_sign_in__by_key_pair_or_token__is_let_in_as_what_it_is(service: Service) -> None:
    encrypted = services.pem(services.key(1), "a passphrase")
    for secrets in (
        {"private_key": services.pem(services.key(1))},
        {"private_key": encrypted, "private_key_passphrase": "a passphrase"},
        {"token": TOKEN},
    ):
        with opened(service.target(secrets)) as session:
            assert rows(session, "SELECT 1 AS one") == [(1,)]
    for login in service.logins:
        assert login["SECONDARY_ROLES"] == "NONE"
        given = login["SESSION_PARAMETERS"]
        assert (given["QUERY_TAG"], given["TIMEZONE"]) == ("cohort-gateway", "UTC")
        assert str(given["STATEMENT_TIMEOUT_IN_SECONDS"]) == "60"


def test_sign_in__leaves_nothing_on_disk(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with opened(service.target({"token": TOKEN})) as session:
        assert rows(session, "SELECT 1 AS one") == [(1,)]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_sign_in__with_what_is_wrong__fails_with_a_code(service: Service) -> None:
    right = services.pem(services.key(1))
    encrypted = services.pem(services.key(1), "a passphrase")
    for target in (
        service.target({"private_key": services.pem(services.key(2))}),
        service.target({"private_key": right}, user="STRANGER"),
        service.target({"private_key": encrypted, "private_key_passphrase": "another"}),
        service.target({"private_key": encrypted}),
        service.target({"private_key": "no key"}),
        service.target({"token": "another"}),
        service.target({}),
    ):
        failed = failure(lambda target=target: reading.open_session(VENDOR, target))  # type: ignore[misc]
        assert (failed.failure, bool(failed.hint)) == (Failure.SIGN_IN_FAILED, True), failed


def test_connection__that_cannot_be__says_why(service: Service) -> None:
    driver, addresses = VENDOR.load(), ["127.0.0.1"]
    driver.greet(service.target(), addresses)
    closed, secure = service.target(port=9), service.target(protocol="https")
    for attempt in (
        lambda: driver.greet(closed, addresses),
        lambda: driver.connect(closed, addresses),
        lambda: driver.greet(secure, addresses),
        lambda: driver.connect(secure, addresses),
    ):
        assert failure(attempt).failure == Failure.UNREACHABLE
    nowhere = service.target(host="nowhere.invalid")
    assert failure(lambda: reading.open_session(VENDOR, nowhere)).failure == Failure.UNREACHABLE


def test_rows__of_every_type__have_forms_that_are_known(service: Service) -> None:
    columns = {
        ("TEXT", "text", None): ('é "x"', 'é "x"'),
        ("WHOLE", "fixed", 0): ("12345678901234567890123456789012345678",) * 2,
        ("EXACT", "fixed", 2): ("10.50", 10.5),
        ("FLOAT", "real", None): ("1.5", 1.5),
        ("NULL", "text", None): (None, None),
        ("YES", "boolean", None): ("true", True),
        ("DAY", "date", None): ("20541", "2026-03-29"),
        ("HOUR", "time", 9): ("5400.250000000", "01:30:00.250000"),
        ("LOCAL", "timestamp_ntz", 9): ("1774747800.250000000", "2026-03-29T01:30:00.250000Z"),
        ("MOMENT", "timestamp_ltz", 9): ("1774747800.000000000", "2026-03-29T01:30:00Z"),
        ("ZONED", "timestamp_tz", 9): ("1774747800.000000000 1560", "2026-03-29T03:30:00+02:00"),
        ("BYTES", "binary", None): ("DEAD", "dead"),
        ("VARIANT", "variant", None): ('{"a": [1]}', {"a": [1]}),
        ("ARRAY", "array", None): ("[1, 2]", [1, 2]),
        ("OBJECT", "object", None): ('{"k": "v"}', {"k": "v"}),
    }
    service.queries["SELECT * FROM types"] = Scripted(
        columns=list(columns), rows=[[sent for sent, _ in columns.values()]]
    )
    with opened(service.target()) as session:
        (found,) = rows(session, "SELECT * FROM types")
    shown = [values.plain(one) for one in found]
    shown[1] = str(shown[1])
    assert shown == [plain for _, plain in columns.values()]
    assert found[2] == Decimal("10.50")


def test_preview__of_a_query__has_types_bytes_and_warnings(service: Service) -> None:
    text = 'SELECT ID, "Id" FROM users'
    service.queries[text] = Scripted(
        columns=[("ID", "text", None), ("Id", "text", None)], rows=[["u1", "a"], ["u1", "b"]]
    )
    plan = '{"GlobalStats": {"partitionsTotal": 1, "bytesAssigned": 1024}}'
    service.queries[catalog.EXPLAIN + text] = Scripted(
        columns=[("content", "text", None)], rows=[[plan]]
    )
    query = queries.require(text, VENDOR.dialect)
    with opened(service.target()) as session:
        found = reading.preview(session, query, member_id=None, limit_seconds=20)
        failed = failure(lambda: reading.preview(session, query, member_id="id", limit_seconds=20))
    assert [(one.name, one.type) for one in found.columns] == [("ID", "text"), ("Id", "text")]
    assert (found.rows, found.estimate.bytes) == ([["u1", "a"], ["u1", "b"]], 1024)
    assert [one.code for one in found.warnings] == ["ambiguous_column"]
    assert (failed.failure, "ID, Id" in str(failed)) == (Failure.AMBIGUOUS_COLUMN, True)


def test_members__by_a_column_in_capitals__are_found_and_counted(service: Service) -> None:
    service.queries["SELECT USER_ID FROM users"] = Scripted(
        columns=[("USER_ID", "text", None)], rows=[["u1"], ["u2"], ["u1"], [None]]
    )
    given = {"query": "SELECT USER_ID FROM users", "member_id": "user_id"}
    defined = definition.read(given, VENDOR.dialect)
    with opened(service.target()) as session:
        (batch,) = reading.read(
            session, defined, limit_seconds=60, most_rows=10, is_wanted=lambda: True
        )
    assert (batch.received, batch.usable, batch.duplicate) == (4, 2, 1)
    assert batch.skipped == {"missing_id": 1}


def test_query__of_two_statements__is_refused_before_and_by_the_service(service: Service) -> None:
    with pytest.raises(database_errors.QueryRefused) as refused:
        queries.require("select 1; select 2", VENDOR.dialect)
    assert refused.value.failure == "not_one_statement"
    start = time.monotonic()
    with opened(service.target()) as session:
        failed = failure(lambda: session.read(Query("select 1; select 2"), rows_per_batch=2))
    assert failed.failure == Failure.NOT_ONE_STATEMENT
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DELETE FROM users", "writes"),
        ("INSERT OVERWRITE INTO users SELECT 1", "writes"),
        ("CREATE OR REPLACE TABLE users AS SELECT 1 AS id", "writes"),
        ("COPY INTO @stage FROM users", "writes"),
        ("EXECUTE IMMEDIATE $$ DELETE FROM users $$", "writes"),
        ("SELECT s.NEXTVAL AS id", "writes"),
        ("SELECT system$abort_session(1) AS id", "writes"),
        ("SELECT 1 AS id ->> DELETE FROM users", "not_one_statement"),
        ("BEGIN DELETE FROM users; END", "not_one_statement"),
    ],
)
def test_query__that_writes__is_refused_before_anything_is_sent(
    service: Service, text: str, expected: str
) -> None:
    with opened(service.target()) as session:
        before = list(service.sent)
        with pytest.raises(database_errors.QueryRefused) as refused:
            rows(session, text)
        assert refused.value.failure == expected
        assert service.sent == before


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (("000904", "42000", "invalid identifier 'NOTHING'"), Failure.QUERY_INVALID),
        (("002003", "42S02", "Object 'NOWHERE' does not exist"), Failure.QUERY_INVALID),
        (("003001", "42501", "Insufficient privileges"), Failure.PERMISSION),
        (("000606", "57P03", "No active warehouse selected"), Failure.PERMISSION),
        (("000630", "57014", "Statement reached its timeout"), Failure.TIMED_OUT),
    ],
)
def test_query__that_the_service_refuses__says_why(
    service: Service, refused: tuple[str, str, str], expected: Failure
) -> None:
    service.queries["SELECT x FROM y"] = Scripted(refused=refused)
    with opened(service.target()) as session:
        failed = failure(lambda: rows(session, "SELECT x FROM y"))
    assert (failed.failure, bool(failed.hint)) == (expected, True)
    assert refused[2] in str(failed)


def test_rows__without_one__are_none(service: Service) -> None:
    service.queries["SELECT ID FROM nothing"] = Scripted(rows=[])
    with opened(service.target()) as session:
        assert rows(session, "SELECT ID FROM nothing") == []


@pytest.mark.timeout(300)
def test_rows__of_a_million__come_batch_by_batch_in_little_memory(service: Service) -> None:
    service.queries["SELECT ID FROM users"] = Scripted(
        columns=[("ID", "text", None)], rows=[], chunks=100, rows_per_chunk=10_000
    )
    query = queries.require("SELECT ID FROM users", VENDOR.dialect)
    with opened(service.target()) as session:
        batches = session.read(query, rows_per_batch=10_000).batches()
        total = len(next(batches))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        last: Any = None
        for batch in batches:
            total, last = total + len(batch), batch[-1]
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (total, last) == (MILLION, ("999999",))
    assert grown_kib < 128 * 1024


def test_tables__that_may_be_read__are_listed_with_columns(service: Service) -> None:
    listed = [["PUBLIC", "USERS", "ID", "TEXT"], ["PUBLIC", "USERS", "N", "NUMBER"]]
    with opened(service.target()) as session:
        text = catalog.TABLES.strip() % ("'user'", "1001")
        service.queries[text] = Scripted(
            columns=[(name, "text", None) for name in ("S", "T", "C", "D")], rows=listed
        )
        found = reading.schema(session, "user", limit_seconds=20)
    assert [(one.schema, one.name) for one in found.tables] == [("PUBLIC", "USERS")]
    assert [(one.name, one.type) for one in found.tables[0].columns] == [
        ("ID", "TEXT"),
        ("N", "NUMBER"),
    ]


def test_role__that_may_more_than_read__is_told_how(service: Service) -> None:
    service.queries[catalog.ROLE] = Scripted(columns=[("R", "text", None)], rows=[["READER"]])
    privileges = catalog.PRIVILEGES.strip()
    columns = [("PRIVILEGE_TYPE", "text", None), ("NAME", "text", None)]
    service.queries[privileges] = Scripted(columns=columns, rows=[])
    with opened(service.target()) as session:
        assert list(session.powers()) == []
        service.queries[privileges] = Scripted(
            columns=columns, rows=[["INSERT", "PUBLIC.USERS"], ["OWNERSHIP", "PUBLIC.MINE"]]
        )
        assert list(session.powers()) == [
            "it has INSERT on PUBLIC.USERS",
            "it has OWNERSHIP on PUBLIC.MINE",
        ]


def test_read__not_wanted_any_more__is_canceled_on_the_server(service: Service) -> None:
    service.queries["SELECT ID FROM slow"] = Scripted(runs=True)
    given = {"query": "SELECT ID FROM slow", "member_id": "id"}
    defined = definition.read(given, VENDOR.dialect)
    start = time.monotonic()
    with opened(service.target()) as session:
        read = reading.read(
            session, defined, limit_seconds=60, most_rows=10, is_wanted=lambda: False
        )
        with pytest.raises(database_errors.ReadCanceled):
            list(read)
    assert time.monotonic() - start < 10
    assert "SELECT SYSTEM$CANCEL_ALL_QUERIES(4711)" in service.sent


def test_read__longer_than_it_may_take__is_timed_out(service: Service) -> None:
    service.queries["SELECT ID FROM slow"] = Scripted(runs=True)
    text = "SELECT ID FROM slow"
    service.queries[catalog.EXPLAIN + text] = Scripted(columns=[("c", "text", None)], rows=[["-"]])
    query = queries.require(text, VENDOR.dialect)
    with opened(service.target()) as session:
        failed = failure(lambda: reading.preview(session, query, member_id=None, limit_seconds=0.5))
    assert failed.failure == Failure.TIMED_OUT


def test_read__of_a_server_that_dies_in_the_middle__is_unreachable(service: Service) -> None:
    service.queries["SELECT ID FROM users"] = Scripted(
        columns=[("ID", "text", None)], rows=[], chunks=50, rows_per_chunk=1000, dies=True
    )
    query = queries.require("SELECT ID FROM users", VENDOR.dialect)
    with opened(service.target()) as session:
        failed = failure(lambda: list(session.read(query, rows_per_batch=1000).batches()))
    assert failed.failure == Failure.UNREACHABLE


def test_secrets__in_the_logs_of_the_client__are_not_seen(service: Service) -> None:
    key = services.pem(services.key(1))
    other = services.pem(services.key(2))
    with canary.listening(key.split("\n")[1], other.split("\n")[1], TOKEN):
        for secrets in ({"private_key": key}, {"token": TOKEN}):
            with opened(service.target(secrets)) as session:
                assert rows(session, "SELECT 1 AS one") == [(1,)]
        wrong = service.target({"private_key": other})
        failure(lambda: reading.open_session(VENDOR, wrong))
