"""What Postgres says of our role and our way to it."""

from __future__ import annotations

from sqlalchemy import text

from gateway.store.db.engine import Pool
from gateway.store.health import privileges


def test_rights__of_the_owner_on_this_machine__are_all_there(pool: Pool) -> None:
    with pool.read() as conn:
        facts = privileges.facts(conn)
    assert (facts.tables_refused, facts.isolation) == ((), "read committed")
    assert (facts.address_is_public, facts.encrypted) == (False, False)
    assert facts.transaction_timeout == (0.0 if newer_than_16(pool) else None)


def newer_than_16(pool: Pool) -> bool:
    """Tell whether this Postgres has transaction_timeout."""
    with pool.read() as conn:
        return bool(conn.execute(text("SHOW server_version_num")).scalar_one() >= "170000")


def test_rights__of_a_role_without_some__name_the_tables(pool: Pool) -> None:
    with pool.begin() as conn:
        conn.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        before = conn.begin_nested()
        conn.execute(text("CREATE ROLE guest"))
        conn.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest"))
        conn.execute(text("REVOKE DELETE ON sources FROM guest"))
        conn.execute(text("REVOKE INSERT ON changes FROM guest"))
        if newer_than_16(pool):
            conn.execute(text("SET LOCAL transaction_timeout = '90s'"))
        conn.execute(text("SET LOCAL ROLE guest"))
        facts = privileges.facts(conn)
        before.rollback()
    assert facts.tables_refused == ("changes", "sources")
    assert facts.grants == (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest;",
    )
    assert facts.isolation == "serializable"
    assert facts.transaction_timeout == (90.0 if newer_than_16(pool) else None)
