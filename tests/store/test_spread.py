"""What keeps the day open on which the tables are spread over machines by cohort (Citus)."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Identity, text

from gateway.flows.cohorts import erase
from gateway.store import tables
from gateway.store.db import schema_version
from gateway.store.db.statement import Statement
from tests import statements
from tests.model.sender import ADD, MEMBERS, REMOVE
from tests.store import spreading, sqltree
from tests.store.refused import REFUSED
from tests.store.test_tables import TEXTS

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

SPREAD = spreading.SPREAD
HOT_READS = ("memberships", "changes", "session_reports", "cohort_version", "exports")
EVERY_NODE = Path(__file__).parent / "every_node.txt"
GUIDE = Path(__file__).parents[2] / "docs" / "scaling.md"
MIGRATIONS = sorted((schema_version.FOLDER / "versions").glob("*.py"))

UNIQUE_INDEXES = text("""
    SELECT t.relname AS table_name, i.relname AS index_name, a.attname AS leads
    FROM pg_index x
    JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
    WHERE x.indisunique AND t.relnamespace = CAST('public' AS regnamespace)
""")

FOREIGN_KEYS = text("""
    SELECT CAST(CAST(conrelid AS regclass) AS text) AS child,
           CAST(CAST(confrelid AS regclass) AS text) AS parent
    FROM pg_constraint WHERE contype = 'f'
""")

TABLES = text("""
    SELECT CAST(relname AS text) FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition
      AND relnamespace = CAST('public' AS regnamespace)
""")


def test_database__its_unique_indexes_on_spread_tables__lead_with_the_cohort(pool: Pool) -> None:
    with pool.read() as conn:
        found = [row for row in conn.execute(UNIQUE_INDEXES) if row.table_name in SPREAD]
    assert {row.table_name for row in found} == SPREAD
    assert {row.index_name: row.leads for row in found if row.leads != "cohort_id"} == {}


def test_database__its_foreign_keys__are_between_small_tables(pool: Pool) -> None:
    with pool.read() as conn:
        found = [(row.child, row.parent) for row in conn.execute(FOREIGN_KEYS)]
    assert found
    assert [pair for pair in found if SPREAD.intersection(pair)] == []


def test_spread_tables__number_nothing_by_themselves() -> None:
    columns = [column for name in SPREAD for column in tables.metadata.tables[name].columns]
    assert [c for c in columns if isinstance(c.server_default, Identity)] == []
    assert [c for c in columns if "nextval" in str(getattr(c.server_default, "arg", ""))] == []


def test_guide__names_every_table_in_exactly_one_way(pool: Pool) -> None:
    guide = GUIDE.read_text()
    distributed = re.findall(r"create_distributed_table\('(\w+)', 'cohort_id'", guide)
    reference = re.findall(r"create_reference_table\('(\w+)'\)", guide)
    (kept,) = re.findall(r"Everything else stays where it is: ([^.]+)\.", guide)
    local = re.findall(r"`(\w+)`", kept)
    with pool.read() as conn:
        there = sorted(conn.execute(TABLES).scalars())
    assert sorted([*distributed, *reference, *local]) == there
    wanted = tables.wanted()
    assert set(distributed) == wanted.spread
    assert set(reference) == wanted.everywhere
    assert set(local) == {*wanted.local, "alembic_version"}


@pytest.mark.parametrize("place", TEXTS)
def test_statement__on_a_spread_database__is_one_that_citus_takes(place: str) -> None:
    one = TEXTS[place]
    assert spreading.faults(one.text, pipelined=isinstance(one, Statement)) == []


def test_statements__that_touch_every_node__are_those_that_are_known() -> None:
    """One that a page or a look-up in one cohort waits for does not belong there."""
    found = {place: spreading.loose(one.text) for place, one in TEXTS.items()}
    lines = [f"{place}: {', '.join(sorted(names))}" for place, names in found.items() if names]
    assert "\n".join(sorted(lines)) + "\n" == EVERY_NODE.read_text()


@pytest.mark.parametrize(("rule", "sql"), REFUSED)
def test_rule__for_a_statement_that_citus_refused__refuses_it(rule: str, sql: str) -> None:
    assert rule in spreading.faults(sql)


def test_rules__every_one__has_a_statement_that_it_refuses() -> None:
    assert {rule for rule, _ in REFUSED} == {*spreading.RULES, "utility statement in company"}


def test_utility_statement__in_a_pipeline__travels_with_others_and_is_refused() -> None:
    sql = "SET LOCAL lock_timeout = :milliseconds"
    assert spreading.faults(sql) == []
    assert spreading.faults(sql, pipelined=True) == ["utility statement in company"]


def test_statements__as_they_are_sent__compare_nothing_with_null(desk: Desk) -> None:
    """A parameter that may be null is a literal NULL by the time the planner sees it."""
    sent: list[str] = []
    with statements.noted(desk.pool.engine, sent.append):
        for session in ("s", None):
            for action in (MEMBERS, ADD, REMOVE):
                receipt = desk.send(action, session, "ab")
                desk.settle(receipt)
        erase.erase(desk.pool, "a", erase.Where(), now=desk.clock())
    asked = [one for one in sent if SPREAD & set(re.findall(r"\w+", one))]
    assert len(asked) > 50
    assert [one for one in asked if "comparison with NULL" in spreading.faults(one)] == []


@pytest.mark.parametrize("module", HOT_READS)
def test_hot_reads__join_no_table_that_is_not_spread(module: str) -> None:
    found = [one.text for place, one in TEXTS.items() if place.startswith(f"cohorts.{module}.")]
    small = {table.name for table in tables.metadata.tables.values()} - SPREAD
    assert found
    assert not small.intersection(*[sqltree.tables([*map(sqltree.parse, found)])])


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_migration__executes__one_statement_at_a_time(path: Path) -> None:
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    statements = [one for one in texts if re.match(r"\s*(CREATE|ALTER|DROP|UPDATE|INSERT)\b", one)]
    assert statements
    assert [one for one in statements if ";" in one] == []
