"""Commands of a role without rights: they name the statements that would give it those."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text

from gateway import errors
from gateway.core.health.finding import Level
from gateway.flows.health import check, schema
from gateway.settings import Settings
from gateway.store.db.engine import Pool
from tests.model.desk import START

if TYPE_CHECKING:
    from gateway.core.health.finding import Finding

ROLE = '"Odd role"'
SERVING = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + ROLE + ";"


@pytest.fixture
def other(shared_pool: Pool, empty_url: str) -> Iterator[str]:
    """Lend an empty database and make a role that has no rights in it."""
    run(shared_pool, f"CREATE ROLE {ROLE}")
    yield empty_url
    admin = lend(empty_url)
    run(admin, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")
    admin.close()


def run(pool: Pool, *statements: str) -> None:
    with pool.read() as conn:
        for statement in statements:
            conn.execute(text(statement))


def lend(url: str) -> Pool:
    """Lend the pool of an administrator."""
    return Pool(url, name="admin", size=1, limit_seconds=30)


def as_role(url: str) -> Pool:
    """Lend the pool of the role."""
    return Pool(f"{url}?options=-c%20role%3DOdd%5C%20role", name="role", size=1, limit_seconds=30)


def errors_of(pool: Pool) -> list[Finding]:
    settings = Settings(database_url="postgresql+psycopg2://h/d")
    found = check.postgres(pool, settings, now=START)
    return [one for one in found if one.level is Level.ERROR]


def test_migrate__without_rights_to_the_schema__names_the_grant(other: str) -> None:
    admin, role = lend(other), as_role(other)
    with pytest.raises(errors.Denied) as caught:
        schema.migrate(role)
    grant = f"GRANT CREATE ON SCHEMA public TO {ROLE};"
    assert str(caught.value).endswith(f"run: {grant}")
    assert grant in str([one.remedy for one in errors_of(role)])
    run(admin, grant)
    assert schema.migrate(role) == schema.migrate(admin)
    admin.close()
    role.close()


def test_migrate__without_use_of_the_schema__names_that_too(other: str) -> None:
    admin, role = lend(other), as_role(other)
    run(admin, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    with pytest.raises(errors.Denied, match=r"GRANT CREATE ON .* GRANT USAGE ON SCHEMA public TO"):
        schema.migrate(role)
    admin.close()
    role.close()


def test_commands__without_rights_to_what_another_role_made__name_the_grants(other: str) -> None:
    admin, role = lend(other), as_role(other)
    schema.migrate(admin)
    with pytest.raises(errors.Denied, match="GRANT gateway TO ") as caught:
        schema.migrate(role)
    assert SERVING in str(caught.value)
    (finding,) = errors_of(role)
    assert (finding.text, finding.remedy) == (
        "our role lacks rights that it needs",
        f"run as an administrator of this database: {SERVING}",
    )
    run(admin, SERVING)
    assert "rights" not in str(errors_of(role))
    admin.close()
    role.close()


def test_denied__for_another_reason__is_said_as_it_came(pool: Pool) -> None:
    event.listen(pool.engine, "before_cursor_execute", deny)
    try:
        with pytest.raises(errors.Denied, match="42501"):
            schema.migrate(pool)
        with pytest.raises(errors.Denied, match="42501"):
            errors_of(pool)
    finally:
        event.remove(pool.engine, "before_cursor_execute", deny)


def deny(_conn: object, cursor: object, statement: str, *_: object) -> None:
    """Have every look at the revision denied, as a policy of a host might."""
    if "alembic_version" in statement or "pg_advisory" in statement:
        assert hasattr(cursor, "execute")
        cursor.execute("DO $$ BEGIN RAISE 'no' USING ERRCODE = '42501'; END $$")
