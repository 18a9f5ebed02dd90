"""Rows of PostgreSQL, the real one: in batches, of every type, and as a preview shows them."""

from __future__ import annotations

import resource
import uuid
from decimal import Decimal

import pytest

from gateway.sources.sql import queries
from gateway.sources.sql.session import Session
from tests.customer import Customer
from tests.sources.sql.asking import VENDOR, previewed, rows


def test_rows__of_a_query__come_in_batches_from_a_cursor(session: Session) -> None:
    query = queries.require("SELECT n FROM generate_series(1, 5) n", "postgres")
    result = session.read(query, rows_per_batch=2)
    assert [len(batch) for batch in result.batches()] == [2, 2, 1]
    assert [(one.name, one.type) for one in result.columns] == [("n", "integer")]


def test_rows__of_a_million__come_in_batches_in_little_memory(session: Session) -> None:
    query = queries.require("SELECT n AS id FROM generate_series(1, 1000000) n", VENDOR.dialect)
    batches = session.read(query, rows_per_batch=10_000).batches()
    count, last = len(next(batches)), None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for batch in batches:
        count, last = count + len(batch), batch[-1]
    assert (count, last) == (1_000_000, (1_000_000,))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_rows__of_every_type__have_forms_that_are_known(session: Session) -> None:
    text = r"""
        SELECT 'é "x"', 1::bigint, 10.50::numeric, 1.5::float8, true, NULL::text,
               '2026-03-29'::date, '2026-03-29 01:30:00.25'::timestamp,
               '2026-03-29 01:30:00+05:30'::timestamptz, '10:00:00+05:30'::timetz,
               '\xdead'::bytea, '00000000-0000-0000-0000-000000000001'::uuid,
               '{"a": [1, 1.5]}'::jsonb, ARRAY[1, 2], ARRAY['2026-03-29'::date],
               '10000-01-01'::date, 'infinity'::timestamptz, '0044-03-15 BC'::timestamp,
               '1 day 2 hours'::interval, 'NaN'::numeric, '10:00'::time, NULL::timestamptz,
               NULL::timestamp, NULL::bytea, '[1,2)'::int4range
    """
    (found,) = rows(session, text)
    assert list(found[:6]) == ['é "x"', 1, found[2], 1.5, True, None]
    assert str(found[2]) == "10.50"
    assert list(found[6:19]) == [
        "2026-03-29",
        "2026-03-29T01:30:00.25Z",
        "2026-03-28T20:00:00Z",
        "10:00:00+05:30",
        "dead",
        "00000000-0000-0000-0000-000000000001",
        {"a": [1, 1.5]},
        [1, 2],
        ["2026-03-29"],
        "10000-01-01",
        "infinity",
        "0044-03-15 00:00:00 BC",
        "P1DT2H",
    ]
    assert (str(found[19]), *found[20:]) == ("NaN", "10:00:00", None, None, None, "[1,2)")


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (
            "ARRAY['00000000-0000-0000-0000-000000000001'::uuid, NULL]",
            [str(uuid.UUID(int=1)), None],
        ),
        ("ARRAY['x', 'y z']::shop.mood[]", ["x", "y z"]),
        ("ARRAY['((1,1),(0,0))'::box, '((3,3),(2,2))'::box]", "{(1,1),(0,0);(3,3),(2,2)}"),
        ("ARRAY[12345678901234567890.125]", [Decimal("12345678901234567890.125")]),
        ("jsonb '{\"a\": 12345678901234567890.125}'", {"a": Decimal("12345678901234567890.125")}),
        ("to_jsonb(power(10::numeric, 5000))", "1" + "0" * 5000),
        ("(repeat('[', 3000) || repeat(']', 3000))::json", "[" * 3000 + "]" * 3000),
    ],
)
def test_rows__of_lists_and_json__are_lists_and_keep_their_digits(
    customer: Customer, session: Session, column: str, found: object
) -> None:
    customer.run("DROP TYPE IF EXISTS shop.mood", "CREATE TYPE shop.mood AS ENUM ('x', 'y z')")
    assert rows(session, f"SELECT {column} AS one FROM generate_series(1, 3)") == [(found,)] * 3


def test_rows__of_an_empty_result__are_none_with_their_columns(session: Session) -> None:
    found = previewed(session, "SELECT id FROM shop.users WHERE false")
    assert (found.rows, found.truncated, [one.name for one in found.columns]) == ([], False, ["id"])


def test_preview__of_a_query__shows_rows_and_warns_of_ids(session: Session) -> None:
    found = previewed(
        session, "SELECT unnest(ARRAY['a', 'a', NULL]) AS id, 9007199254740993, 1 AS \"ID\""
    )
    assert found.rows == [["a", "9007199254740993", 1]] * 2 + [[None, "9007199254740993", 1]]
    assert [one.code for one in found.warnings] == ["unnamed_columns", "ambiguous_column"]
    assert found.estimate.rows is not None
    again = previewed(session, "SELECT unnest(ARRAY['a', 'a', NULL]) AS id", "ID")
    assert [one.code for one in again.warnings] == ["missing_id", "duplicate"]


def test_preview__of_numbers_that_a_browser_would_round__shows_them_as_text(
    session: Session,
) -> None:
    text = """
        SELECT 0.1::numeric AS a, 12345678901234567890.125 AS b, ARRAY[9007199254740993] AS c,
               jsonb '{"a": 0.12345678901234567890123}' AS d, power(10::numeric, 5000) AS e,
               ARRAY[repeat('x', 1000)] AS f, 1e300::float8 AS g
    """
    ((a, b, c, d, e, f, g),) = previewed(session, text).rows
    assert (a, b, c) == (0.1, "12345678901234567890.125", ["9007199254740993"])
    assert d == {"a": "0.12345678901234567890123"}
    assert e == "1" + "0" * 999
    assert f == '["' + "x" * 998
    assert g == "1" + "0" * 300


def test_preview__of_many_rows__is_cut_and_says_so(session: Session) -> None:
    found = previewed(session, "SELECT n, repeat('x', 5000) AS x FROM generate_series(1, 51) n")
    assert (len(found.rows), found.truncated, len(found.rows[0][1])) == (50, True, 1000)
    assert not previewed(session, "SELECT n FROM generate_series(1, 50) n").truncated
