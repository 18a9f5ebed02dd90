"""Queries: one statement that reads is let through as it is, and nothing else is."""

from __future__ import annotations

import pytest

from gateway import database_errors
from gateway.sources.sql import queries
from tests.sources.sql import cases

DIALECTS = ("postgres", "mysql", "redshift", "bigquery", "snowflake")

READING = (
    "SELECT id, email FROM users WHERE created > '2026-01-01' ORDER BY 1 LIMIT 10",
    "(SELECT 1)",
    "SELECT 1 UNION ALL SELECT 2",
    "WITH a AS (SELECT 1 AS x) SELECT x FROM a",
    "SELECT 'a;b', '--', '/* DELETE */' FROM t",
    "SELECT replace(a, 'b', 'c') FROM t",
    "SELECT count(*) FROM (SELECT DISTINCT a FROM t) s",
    "SELECT a -- DELETE\nFROM t",
    "SELECT a /* a comment */ FROM t",
)
WRITING = (
    "DELETE FROM users",
    "UPDATE a SET b = 1",
    "INSERT INTO a SELECT 1",
    "MERGE INTO a USING b ON 1 = 1 WHEN MATCHED THEN DELETE",
    "DROP TABLE x",
    "CREATE TABLE x AS SELECT 1",
    "TRUNCATE TABLE x",
    "GRANT SELECT ON a TO b",
    "CALL x()",
    "COPY a TO PROGRAM 'x'",
    "SET a = 1",
    "VACUUM",
    "LOCK TABLE a",
    "WITH x AS (DELETE FROM a RETURNING id) SELECT * FROM x",
    "WITH x AS (INSERT INTO a VALUES (1) RETURNING id) SELECT * FROM x",
    "WITH a AS (SELECT 1) DELETE FROM b",
    "SELECT a INTO b FROM c",
    "SELECT * FROM a FOR UPDATE",
    "SELECT * FROM a FOR SHARE",
    "SELECT * FROM (DELETE FROM a) x",
    "SELECT a FROM t INTO OUTFILE '/tmp/x'",
)
ODD = (
    "",
    "   ;; ",
    "-- nothing",
    "SELEC 1",
    "SELECT * FROM a WHERE",
    "SELECT 'x",
    "SHOW TABLES",
    "EXPLAIN SELECT 1",
    "SELECT 1 /*! UNION SELECT 2 */",
    "SELECT 1 /*M! UNION SELECT 2 */",
    "SELECT 1 /*!50000 ; DROP TABLE x */",
    "SELECT 1\0",
    "SELECT " + "(" * 200 + "1" + ")" * 200,
    "SELECT " + "1," * 60_000 + "1",
)


def refusal(text: str, dialect: str) -> database_errors.QueryRefused:
    with pytest.raises(database_errors.QueryRefused) as refused:
        queries.require(text, dialect)
    assert [one.path for one in refused.value.faults] == ["query"]
    return refused.value


def failure(text: str, dialect: str = "postgres") -> str:
    return refusal(text, dialect).failure


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", READING)
def test_query__that_reads__is_let_through_as_it_is(text: str, dialect: str) -> None:
    assert queries.require(text, dialect).text == text


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", WRITING)
def test_query__that_does_more_than_read__is_refused(text: str, dialect: str) -> None:
    cases.see("writes", refusal(text, dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_query__that_cannot_be_read__is_refused(text: str, dialect: str) -> None:
    refused = refusal(text, dialect)
    assert refused.failure == "query_invalid"
    if "*!" in text or "*M!" in text:
        cases.see("comment", refused)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_query__of_several_statements__is_refused_with_the_place(dialect: str) -> None:
    for text in ("SELECT 1; SELECT 2", "SELECT 1;\n DELETE FROM a;", "BEGIN; SELECT 1"):
        cases.see("several", refusal(text, dialect))
    with pytest.raises(database_errors.QueryRefused, match="line 2, column 3"):
        queries.require("SELECT 1;\n  SELECT 2", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_query__with_an_end_and_comments_around__is_sent_without_them(dialect: str) -> None:
    assert queries.require("/* a */ SELECT 1 ; -- b", dialect).text == "SELECT 1"


def test_query__with_a_comment_in_a_comment__is_refused() -> None:
    for dialect in DIALECTS:
        assert failure("SELECT 1 /* a /* b */ ; DROP TABLE x /* */ */", dialect) in (
            "query_invalid",
            "not_one_statement",
        )
    assert failure("SELECT 1 /* a /* b */ c */", "postgres") == "query_invalid"


def test_query__with_a_backslash_before_a_quote__is_refused_where_servers_differ() -> None:
    hiding = r"SELECT '\'' ; DROP TABLE x; --'"
    assert queries.require(hiding, "postgres").text == hiding
    assert failure(hiding, "redshift") == "query_invalid"
    assert failure(r"SELECT E'\'' ; DROP TABLE x; --'") == "not_one_statement"


@pytest.mark.parametrize(
    ("call", "dialect"),
    [
        ("pg_terminate_backend(1)", "postgres"),
        ("pg_catalog.pg_terminate_backend(1)", "postgres"),
        ("nextval('s')", "postgres"),
        ("set_config('a', 'b', true)", "postgres"),
        ("lo_unlink(1)", "redshift"),
        ("get_lock('a', 1)", "mysql"),
        ("system$cancel_query('x')", "snowflake"),
        ("getnextval(s)", "snowflake"),
        ("external_query('c', 'SELECT 1')", "bigquery"),
    ],
)
def test_query__that_calls_what_has_an_effect__is_refused(call: str, dialect: str) -> None:
    cases.see("effects", refusal(f"SELECT {call}", dialect))
    assert failure(f"SELECT 1 FROM t WHERE a IN (SELECT {call})", dialect) == "writes"
    assert failure(f"SELECT * FROM {call} x", dialect) in ("writes", "query_invalid")


def test_query__that_snowflake_goes_on_after__is_refused() -> None:
    for text in ("SELECT 1 ->> DELETE FROM t", "SELECT 1->>SELECT 2", "SHOW TABLES ->> SELECT 1"):
        assert failure(text, "snowflake") == "not_one_statement"
    kept = "SELECT '->>' AS a FROM t -- ->> b"
    assert queries.require(kept, "snowflake").text == "SELECT '->>' AS a FROM t"
    assert queries.require("SELECT a ->> 'b' FROM t", "postgres").text


def test_query__that_advances_a_sequence_of_snowflake__is_refused() -> None:
    for text in ("SELECT s.nextval", "SELECT a FROM t WHERE b > db.s.NEXTVAL"):
        assert failure(text, "snowflake") == "writes"
    for text in ('SELECT t."NEXTVAL" FROM t', "SELECT nextval FROM t"):
        assert queries.require(text, "snowflake").text == text


def test_query__refused__tells_the_place_and_the_word() -> None:
    with pytest.raises(database_errors.QueryRefused, match="line 2, column 3: INTO does more"):
        queries.require("SELECT a\n  INTO b FROM c", "postgres", path="definition.query")
    with pytest.raises(database_errors.QueryRefused, match="line 1, column 8: pg_notify"):
        queries.require("SELECT pg_notify('a', 'b')", "postgres")
    with pytest.raises(database_errors.QueryRefused, match=r"column 7: it cannot be read near '1'"):
        queries.require("SELEC 1", "postgres")


def test_query__of_postgresql_alone__is_let_through() -> None:
    for text in ("TABLE a", "VALUES (1)", "SELECT $$ a;b $$", 'SELECT "update" FROM "delete"'):
        assert queries.require(text, "postgres").text == text


def test_query__of_which_the_parser_tells_no_place__is_refused() -> None:
    with pytest.raises(database_errors.QueryRefused, match="cannot be read as one SELECT"):
        queries.require("SELECT DATE_ADD(a, 1) FROM b", "bigquery")
