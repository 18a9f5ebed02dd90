"""The schema: what the code describes is what migrations make, and it can be spread by cohort."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import TYPE_CHECKING

import pytest
from alembic import autogenerate
from alembic.runtime import migration
from sqlalchemy import Index, PrimaryKeyConstraint, TextClause, UniqueConstraint, text

from gateway import store
from gateway.store import tables
from gateway.store.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

    from gateway.store.engine import Pool

# They differ from call to call, so the nodes of a distributed table could disagree.
MUTABLE = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random"
    r"|gen_random_uuid|nextval|currval)\s*\(|\bcurrent_(timestamp|time|date)\b|\blocaltime",
    re.IGNORECASE,
)
WRITTEN = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)")
# What is compressed already, or kept in arrays that compression makes slow to read in part.
EXTERNAL = {("deliveries", "roster"), ("changes", "member_ids")}


def statements() -> Iterator[tuple[str, str]]:
    """Place and text of every SQL statement of the store."""
    for module in pkgutil.iter_modules(store.__path__, "gateway.store."):
        if not module.ispkg:
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, TextClause | Statement):
                    # What is sent together is planned one by one all the same.
                    for number, statement in enumerate(value.text.split(";")):
                        yield f"{module.name}.{name}.{number}", statement


STATEMENTS = dict(statements())


def test_schema__after_migrating__is_what_the_tables_say(pool: Pool) -> None:
    with pool.begin() as conn:
        context = migration.MigrationContext.configure(
            conn, opts={"compare_type": True, "compare_server_default": True}
        )
        assert autogenerate.compare_metadata(context, tables.metadata) == []


@pytest.mark.parametrize("table", sorted(tables.LARGE, key=str), ids=str)
def test_large_table__each_of_its_unique_keys__leads_with_the_cohort(table: Table) -> None:
    keys = [
        list(key.columns)
        for key in (*table.constraints, *table.indexes)
        if isinstance(key, PrimaryKeyConstraint | UniqueConstraint)
        or (isinstance(key, Index) and key.unique)
    ]
    assert keys
    assert [key[0].name for key in keys] == ["cohort_id"] * len(keys)


def test_large_tables__by_their_column__are_all_that_have_many_rows_a_cohort() -> None:
    of_cohorts = {table for table in tables.metadata.tables.values() if "cohort_id" in table.c}
    one_row_each = {tables.intake_state, tables.apply_state}
    assert of_cohorts - one_row_each == set(tables.LARGE)


def test_statements__of_the_store__are_found() -> None:
    assert len(STATEMENTS) > 50
    assert any("ON CONFLICT" in statement for statement in STATEMENTS.values())


@pytest.mark.parametrize("place", [p for p, sql in STATEMENTS.items() if "ON CONFLICT" in sql])
def test_upsert__in_what_it_does_on_conflict__calls_nothing_mutable(place: str) -> None:
    _, _, action = STATEMENTS[place].partition("ON CONFLICT")
    assert MUTABLE.search(action) is None


@pytest.mark.parametrize("place", [p for p, sql in STATEMENTS.items() if WRITTEN.search(sql)])
def test_write__to_a_large_table__calls_nothing_mutable(place: str) -> None:
    written = set(WRITTEN.findall(STATEMENTS[place]))
    if written & {table.name for table in tables.LARGE}:
        assert MUTABLE.search(STATEMENTS[place]) is None


def test_database__has__no_triggers_and_no_rules(pool: Pool) -> None:
    with pool.read() as conn:
        assert conn.execute(_TRIGGERS).all() == []
        assert conn.execute(_RULES).all() == []


def test_large_tables__durability__is_logged(pool: Pool) -> None:
    with pool.read() as conn:
        found = {row.relname: row.relpersistence for row in conn.execute(_PERSISTENCE)}
    assert {found[table.name] for table in tables.metadata.tables.values()} == {"p"}


def test_storage__of_wide_columns__is_external(pool: Pool) -> None:
    with pool.read() as conn:
        assert _external(conn) == EXTERNAL


def test_member_id__collation__is_by_bytes(pool: Pool) -> None:
    with pool.read() as conn:
        assert conn.execute(_COLLATION).scalar_one() == "C"


def _external(conn: Connection) -> set[tuple[str, str]]:
    return {(row.relname, row.attname) for row in conn.execute(_EXTERNAL)}


_TRIGGERS = text("""
    SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.relnamespace = CAST('public' AS regnamespace)
""")

_RULES = text("SELECT rulename FROM pg_rules WHERE schemaname = 'public'")

_PERSISTENCE = text("""
    SELECT relname, relpersistence FROM pg_class
    WHERE relkind = 'r' AND relnamespace = CAST('public' AS regnamespace)
""")

_EXTERNAL = text("""
    SELECT c.relname, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relkind = 'r' AND c.relnamespace = CAST('public' AS regnamespace)
      AND a.attnum > 0 AND a.attstorage = 'e'
""")

_COLLATION = text("""
    SELECT collname FROM pg_collation l JOIN pg_attribute a ON a.attcollation = l.oid
    WHERE a.attrelid = CAST('memberships' AS regclass) AND a.attname = 'member_id'
""")
