"""BigQuery's client and SQL with bqemulator: queries that run, and those that it refuses."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import queries, reading
from gateway.sources.sql.queries import Query
from gateway.sources.sql.session import Session
from tests import stack
from tests.vendors import emulators
from tests.vendors.bigquery import api as apis
from tests.vendors.bigquery.asking import failure, opened, rows
from tests.vendors.bigquery.state import PROJECT, VENDOR

LAUNCHER = Path(__file__).parent / "emulator.py"
TABLE = """
    CREATE TABLE shop.users (id STRING, visits INT64, paid NUMERIC, seen TIMESTAMP,
        tags ARRAY<STRING>, plan STRUCT<level INT64>, day DATE, more JSON)
"""
ROW = """
    INSERT INTO shop.users VALUES ('u1', 9007199254740993, NUMERIC '10.50',
        TIMESTAMP '2026-03-29 01:30:00.25+00', ['a', 'b'], STRUCT(1), DATE '2026-03-29',
        JSON '{"a": 1}')
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the emulator with one table of one row."""
    port, other = stack.free_port(), stack.free_port()
    log = tmp_path_factory.mktemp("bqemulator") / "log"
    ports = ("--rest-port", str(port), "--grpc-port", str(other))
    options = (*ports, "--project", PROJECT, "--log-level", "warning")
    with emulators.running("bqemulator", LAUNCHER, "start", *options, port=port, log=log):
        address = f"http://127.0.0.1:{port}"
        client = bigquery.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=address),
        )
        client.create_dataset("shop")
        for statement in (TABLE, ROW):
            client.query(statement).result()
        client.close()
        yield address


@pytest.fixture
def session(endpoint: str) -> Iterator[Session]:
    """Lend a session with the emulator; its token comes from elsewhere."""
    with (
        apis.running() as api,
        opened(api.target(endpoint=endpoint, location="US")) as made,
    ):
        yield made


def test_rows__of_a_table__have_forms_that_are_known(session: Session) -> None:
    result = session.read(Query("SELECT * FROM users"), rows_per_batch=10)
    assert [(one.name, one.type) for one in result.columns] == [
        ("id", "STRING"),
        ("visits", "INT64"),
        ("paid", "NUMERIC"),
        ("seen", "TIMESTAMP"),
        ("tags", "ARRAY<STRING>"),
        ("plan", "STRUCT"),
        ("day", "DATE"),
        ("more", "JSON"),
    ]
    ((found,),) = result.batches()
    seen = datetime.datetime(2026, 3, 29, 1, 30, 0, 250_000, tzinfo=datetime.UTC)
    assert found == (
        "u1",
        9007199254740993,
        Decimal("10.50"),
        seen,
        ["a", "b"],
        {"level": 1},
        datetime.date(2026, 3, 29),
        {"a": 1},
    )


def test_rows__of_many__come_in_pages(session: Session) -> None:
    text = "SELECT x AS id FROM UNNEST(GENERATE_ARRAY(1, 50000)) AS x"
    result = session.read(queries.require(text, VENDOR.dialect), rows_per_batch=10_000)
    assert [len(batch) for batch in result.batches()] == [10_000] * 5


def test_rows__without_one__are_none(session: Session) -> None:
    assert rows(session, "SELECT id FROM users WHERE false") == []


@pytest.mark.parametrize("text", ["SELECT nothing FROM users", "SELECT 1 AS a FROM nowhere"])
def test_query__that_the_emulator_refuses__says_why(session: Session, text: str) -> None:
    assert failure(lambda: rows(session, text)).failure == Failure.QUERY_INVALID


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DELETE FROM users WHERE true", Failure.WRITES),
        ("CREATE TABLE shop.other (id INT64)", Failure.WRITES),
        ("SELECT 1; SELECT 2", Failure.NOT_ONE_STATEMENT),
    ],
)
def test_session__whatever_is_sent__does_not_write(
    session: Session, text: str, expected: Failure
) -> None:
    assert failure(lambda: session.read(Query(text), rows_per_batch=2)).failure == expected
    assert len(rows(session, "SELECT id FROM users")) == 1


def test_tables__that_may_be_read__are_listed_with_columns(session: Session) -> None:
    (table,) = reading.schema(session, "SHOP.", limit_seconds=20).tables
    assert (table.schema, table.name) == ("shop", "users")
    assert [one.name for one in table.columns][:2] == ["id", "visits"]
