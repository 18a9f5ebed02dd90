"""What keeps the day open on which the tables are spread over machines by cohort (Citus)."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Identity, text

from gateway.store import revisions, tables
from tests.store.test_tables import STATEMENTS

if TYPE_CHECKING:
    from gateway.store.engine import Pool

LARGE = sorted(table.name for table in tables.LARGE)
SPREAD = {*LARGE, "intake_state", "apply_state"}
HOT_READS = ("memberships", "changes", "reports", "versions", "exports")
GUIDE = Path(__file__).parents[2] / "docs" / "scaling.md"
MIGRATIONS = sorted((revisions.FOLDER / "versions").glob("*.py"))

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

TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


def flat(statement: str) -> str:
    """Return a statement without what is in parentheses."""
    shorter = re.sub(r"\([^()]*\)", " ", statement)
    return shorter if shorter == statement else flat(shorter)


def writing(verb: str) -> dict[str, str]:
    """Return the statements that do this to a table that is spread."""
    names = "|".join(sorted(SPREAD))
    begins = re.compile(rf"\b{verb}\s+({names})\b")
    return {place: sql for place, sql in STATEMENTS.items() if begins.search(sql)}


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
    assert set(distributed) == SPREAD


def test_updates__of_spread_tables__join_nothing() -> None:
    found = writing("UPDATE")
    assert found
    joined = [p for p, sql in found.items() if re.search(r"\bFROM\b", flat(sql))]
    assert joined == []


def test_inserts__into_spread_tables__have_no_select_among_values() -> None:
    found = {place: sql for place, sql in writing("INSERT INTO").items() if "VALUES" in sql}
    assert found
    values = {p: sql.partition("VALUES")[2].partition("ON CONFLICT")[0] for p, sql in found.items()}
    assert [place for place, part in values.items() if "SELECT" in part] == []


def test_statements__that_write__hold_no_second_write() -> None:
    writes = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(?!SET\b)\w")
    for place, sql in STATEMENTS.items():
        plain = re.sub(r"FOR (NO KEY )?UPDATE|DO UPDATE", "", sql)
        if any(re.search(rf"\b{name}\b", plain) for name in SPREAD):
            assert len(writes.findall(plain)) <= 1, place


def test_locks_that_skip__are_of_one_cohort() -> None:
    skipping = {place: sql for place, sql in STATEMENTS.items() if "SKIP LOCKED" in sql}
    assert skipping
    for place, sql in skipping.items():
        if any(re.search(rf"\bFROM {name}\b", sql) for name in SPREAD):
            assert "cohort_id = :cohort_id" in sql, place


@pytest.mark.parametrize("module", HOT_READS)
def test_hot_reads__join_no_table_that_is_not_spread(module: str) -> None:
    found = [
        sql for place, sql in STATEMENTS.items() if place.startswith(f"gateway.store.{module}.")
    ]
    small = {table.name for table in tables.metadata.tables.values()} - SPREAD
    named = [name for sql in found for name in re.findall(r"\b(?:FROM|JOIN) (\w+)", sql)]
    assert not small.intersection(named)


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
