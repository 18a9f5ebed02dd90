"""Snowflake's client and SQL with fakesnow: queries that run, and those that it refuses."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from snowflake import connector

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import queries, reading, values
from gateway.sources.sql.session import Session, Target
from tests import stack
from tests.vendors import emulators
from tests.vendors.snowflake.service import VENDOR, Service

LAUNCHER = Path(__file__).parent / "emulator.py"
TABLE = """
    CREATE TABLE users (id varchar, "User_Id" varchar, visits number(38,0), paid number(10,2),
        seen timestamp_ntz, zoned timestamp_tz, more variant, raw binary, day date)
"""
ROW = """
    INSERT INTO users SELECT 'u1', 'x', 1234567890123456789, 10.50,
        '2026-03-29 01:30:00.25'::timestamp_ntz, '2026-03-29 01:30:00 +00:00'::timestamp_tz,
        parse_json('{"a": 1}'), to_binary('dead', 'HEX'), '2026-03-29'::date
"""
STATEMENTS = (
    "CREATE DATABASE IF NOT EXISTS shop",
    "CREATE SCHEMA IF NOT EXISTS shop.public",
    "USE SCHEMA shop.public",
    TABLE,
    ROW,
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Run the emulator with one table of one row, and aim at it."""
    service = Service()
    service.port = stack.free_port()
    log = tmp_path_factory.mktemp("fakesnow") / "log"
    with emulators.running("fakesnow", LAUNCHER, str(service.port), port=service.port, log=log):
        made = service.target(account="fakesnow")
        with contextlib.closing(reading.open_session(VENDOR, made)) as session:
            for statement in STATEMENTS:
                session.rows(statement)  # type: ignore[attr-defined] # of Snowflake alone
        yield made


@pytest.fixture
def session(target: Target) -> Iterator[Session]:
    """Lend a session with the emulator."""
    with contextlib.closing(reading.open_session(VENDOR, target)) as made:
        yield made


def rows(session: Session, text: str) -> list[Sequence[Any]]:
    result = session.read(queries.require(text, VENDOR.dialect), rows_per_batch=10_000)
    return [row for batch in result.batches() for row in batch]


def test_client__is_the_one_that_is_asked_for() -> None:
    assert connector.__version__.split(".")[0] == "5"


def test_rows__of_a_table__have_forms_that_are_known(session: Session) -> None:
    (found,) = rows(session, "SELECT * FROM users")
    assert found[3] == Decimal("10.50")
    assert found[8] == datetime.date(2026, 3, 29)
    assert [values.plain(one) for one in found] == [
        "u1",
        "x",
        1234567890123456789,
        10.5,
        "2026-03-29T01:30:00.250000Z",
        "2026-03-29T01:30:00Z",
        {"a": 1},
        "dead",
        "2026-03-29",
    ]


def test_rows__of_many__come_in_batches(session: Session) -> None:
    text = "SELECT seq4() AS id FROM TABLE(GENERATOR(ROWCOUNT => 50000))"
    result = session.read(queries.require(text, VENDOR.dialect), rows_per_batch=10_000)
    assert [len(batch) for batch in result.batches()] == [10_000] * 5


def test_rows__without_one__are_none(session: Session) -> None:
    assert rows(session, "SELECT id FROM users WHERE id = 'none'") == []


@pytest.mark.parametrize("text", ["SELECT nothing FROM users", "SELECT 1 AS a FROM nowhere"])
def test_query__that_the_emulator_refuses__says_why(session: Session, text: str) -> None:
    with pytest.raises(errors.ReadFailed) as failed:
        rows(session, text)
    assert failed.value.failure == Failure.QUERY_INVALID


def test_columns__of_a_result__are_in_capitals_unless_they_were_quoted(session: Session) -> None:
    result = session.read(
        queries.require('SELECT id, "User_Id" FROM users', VENDOR.dialect), rows_per_batch=2
    )
    assert [one.name for one in result.columns] == ["ID", "User_Id"]


def test_tables__that_may_be_read__are_listed_with_columns(session: Session) -> None:
    (table,) = reading.schema(session, "users", limit_seconds=20).tables
    assert (table.schema, table.name) == ("PUBLIC", "USERS")
    assert [one.name for one in table.columns][:3] == ["ID", "User_Id", "VISITS"]
