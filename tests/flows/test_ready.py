"""Readiness: Postgres answers, and its schema is the one this code knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows import ready, schema
from gateway.store import revisions
from gateway.store.engine import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def empty_url(pool: Pool, database_url: str) -> Iterator[str]:
    """Lend a database without any tables."""
    engine = pool.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text("CREATE DATABASE bare"))
    yield database_url.rpartition("/")[0] + "/bare"
    with engine.connect() as conn:
        conn.execute(text("DROP DATABASE bare WITH (FORCE)"))


def test_readiness__schema_at_its_head__is_ready(pool: Pool) -> None:
    ready.Readiness(pool).require()


def test_readiness__migrations_pending__is_unavailable_until_they_ran(empty_url: str) -> None:
    bare = Pool(empty_url, name="test", size=2, limit_seconds=60)
    readiness = ready.Readiness(bare)
    with pytest.raises(errors.Unavailable, match="migrate"):
        readiness.require()
    assert schema.migrate(bare) == revisions.head()
    readiness.require()
    bare.close()


def test_readiness__schema_of_a_newer_version__is_ready_and_left_alone(empty_url: str) -> None:
    bare = Pool(empty_url, name="test", size=2, limit_seconds=60)
    schema.migrate(bare)
    with bare.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ready.Readiness(bare).require()
    assert schema.migrate(bare) == "9999"
    bare.close()


def test_readiness__postgres_gone__is_believed_for_a_moment_and_then_unavailable(
    database_url: str,
) -> None:
    pool = Pool(database_url, name="test", size=1, limit_seconds=5)
    readiness = ready.Readiness(pool)
    readiness.require()
    readiness._pool = Pool(  # noqa: SLF001 - the server that went away
        "postgresql+psycopg2://gateway@127.0.0.1:1/gateway", name="test", size=1, limit_seconds=5
    )
    readiness.require()
    time.sleep(ready.BELIEVED_SECONDS)
    with pytest.raises(errors.Unavailable):
        readiness.require()
    pool.close()
