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
from gateway.store.behaviour import tables as of_rules
from gateway.store.cohorts import tables as of_cohort
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

    from gateway.store.db.engine import Pool

MONTH = re.compile(r"events_\d{4}_\d{2}")

# What is compressed already, or kept in arrays that compression makes slow to read in part.
EXTERNAL = {
    ("deliveries", "roster"),
    ("changes", "member_ids"),
    ("load_rows", "rows"),
    ("upload_pieces", "data"),
}


def texts() -> Iterator[tuple[str, TextClause | Statement]]:
    """Place and text of all SQL of the store, as it is sent."""
    for module in pkgutil.walk_packages(store.__path__, "gateway.store."):
        if not module.ispkg and not module.name.startswith("gateway.store.migrations."):
            found = vars(importlib.import_module(module.name))
            place = module.name.removeprefix("gateway.store.")
            for name, value in found.items():
                listed = value.items() if isinstance(value, dict) else [("", value)]
                for key, one in listed:
                    if isinstance(one, TextClause | Statement):
                        yield f"{place}.{name}{key and f'.{key}'}", one


TEXTS = dict(texts())


def test_schema__after_migrating__is_what_the_tables_say(pool: Pool) -> None:
    with pool.begin() as conn:
        context = migration.MigrationContext.configure(
            conn,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": _is_whole,
            },
        )
        assert autogenerate.compare_metadata(context, tables.metadata) == []


def _is_whole(name: str | None, kind: str, _: object) -> bool:
    """Leave out the months of events, which are made as they are needed."""
    return kind != "table" or name is None or MONTH.fullmatch(name) is None


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
    one_row_each = {
        of_cohort.intake_state,
        of_cohort.apply_state,
        of_cohort.attempts,
        of_rules.rule_states,
    }
    assert of_cohorts - one_row_each == set(tables.LARGE)


def test_statements__of_the_store__are_found() -> None:
    rooms = {name for _, name, is_package in pkgutil.iter_modules(store.__path__) if is_package}
    assert {place.partition(".")[0] for place in TEXTS} == rooms - {"migrations"}
    assert len(TEXTS) > 150
    assert any("ON CONFLICT" in one.text for one in TEXTS.values())


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
    WHERE relkind IN ('r', 'p') AND relnamespace = CAST('public' AS regnamespace)
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
