"""Readiness: Postgres answers, and its schema is the one this code knows."""

from __future__ import annotations

import datetime
import time

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.health import readiness as ready
from gateway.flows.health import schema
from gateway.flows.sources import admin
from gateway.store.db import schema_version
from gateway.store.db.engine import Pool

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def add_source(pool: Pool) -> None:
    wanted = admin.Wanted(slug="shop", login=None)
    admin.add(pool, wanted, now=NOW)


def test_readiness__schema_at_its_head_and_a_source__is_ready(pool: Pool) -> None:
    add_source(pool)
    ready.Readiness(pool).require()


def test_readiness__no_source_yet__is_unavailable_until_one_is_added(pool: Pool) -> None:
    readiness = ready.Readiness(pool)
    with pytest.raises(errors.Unavailable, match="source add"):
        readiness.require()
    readiness.require_schema()
    add_source(pool)
    readiness.require()


def test_readiness__last_source_removed__is_ready(pool: Pool) -> None:
    add_source(pool)
    admin.remove(pool, "shop", now=NOW)
    ready.Readiness(pool).require()


def test_readiness__migrations_pending__is_unavailable_until_they_ran(empty_url: str) -> None:
    bare = Pool(empty_url, name="test", size=2, limit_seconds=60)
    readiness = ready.Readiness(bare)
    with pytest.raises(errors.Unavailable, match="migrate"):
        readiness.require()
    assert schema.migrate(bare) == schema_version.head()
    add_source(bare)
    readiness.require()
    bare.close()


def test_readiness__schema_of_a_newer_version__is_ready_and_left_alone(empty_url: str) -> None:
    bare = Pool(empty_url, name="test", size=2, limit_seconds=60)
    schema.migrate(bare)
    with bare.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ready.Readiness(bare).require_schema()
    assert schema.migrate(bare) == "9999"
    bare.close()


def test_readiness__postgres_gone__is_believed_for_a_moment_and_then_unavailable(
    pool: Pool,
) -> None:
    add_source(pool)
    readiness = ready.Readiness(pool)
    readiness.require()
    readiness._pool = Pool(  # noqa: SLF001 - the server that went away
        "postgresql+psycopg2://gateway@127.0.0.1:1/gateway", name="test", size=1, limit_seconds=5
    )
    readiness.require()
    time.sleep(ready.BELIEVED_SECONDS)
    with pytest.raises(errors.Unavailable):
        readiness.require()
