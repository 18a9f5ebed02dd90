"""What `check` finds in a real database about access, processes and backlog."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

from gateway.core.health import processes
from gateway.core.health.finding import Finding, Level
from gateway.flows.health import bootstrap, check, installation
from gateway.settings import Settings
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats

PASSWORD, KEY = "correct-horse-battery", "cg_0123456789abcdef0123456789"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def asked(pool: Pool, settings: Settings | None = None) -> list[Finding]:
    """Return what asks for something."""
    found = installation.installation(pool, settings or Settings(), now=now())
    return [one for one in found if one.level is not Level.OK]


def said(found: list[Finding]) -> str:
    return "\n".join(one.text for one in found)


@pytest.fixture
def set_up(pool: Pool) -> Settings:
    """Set up a source and a key, and have a worker, a scheduler, a loader and a sender beat."""
    settings = Settings(webhook_password=PASSWORD, api_key=KEY)
    bootstrap.bootstrap(pool, settings, now=now())
    with pool.begin() as conn:
        heartbeats.join(conn, "w", heartbeats.WORKER)
        heartbeats.join(conn, "s", heartbeats.SCHEDULER)
        heartbeats.join(conn, "l", processes.LOADER)
        heartbeats.join(conn, "d", processes.SENDER)
    return settings


def test_installation__set_up_and_running__asks_for_nothing(pool: Pool, set_up: Settings) -> None:
    assert asked(pool, set_up) == []
    assert asked(pool) == []


def test_installation__that_is_empty__lacks_everything_that_must_be_made(pool: Pool) -> None:
    found = asked(pool)
    assert all(one.remedy for one in found)
    missing = [f"no {kind} lives" for kind in ("worker", "scheduler", "loader", "sender")]
    for words in ("no source", "no API key", *missing):
        assert words in said(found)


def test_credentials__of_the_environment_that_were_never_set__are_told(
    pool: Pool, set_up: Settings
) -> None:
    found = asked(pool, Settings(webhook_password="another-password", api_key=f"{KEY}x"))
    assert [one.text.partition(" ")[0] for one in found] == [
        "GATEWAY_WEBHOOK_PASSWORD",
        "GATEWAY_API_KEY",
    ]
    assert set_up.webhook_password == PASSWORD


def test_source__paused_and_without_a_password__is_told(pool: Pool, set_up: Settings) -> None:
    with pool.begin() as conn:
        conn.execute(text("UPDATE sources SET paused_at = now()"))
        conn.execute(text("DELETE FROM source_credentials"))
    found = said(asked(pool, Settings(api_key=set_up.api_key)))
    assert "has no password" in found
    assert "is paused" in found


def test_check__of_postgres__includes_it_only_with_the_right_schema(pool: Pool) -> None:
    assert "no source" in said(check.postgres(pool, Settings(), now=now()))
    with pool.begin() as conn:
        (head,) = conn.execute(text("DELETE FROM alembic_version RETURNING version_num")).scalars()
    try:
        assert "no source" not in said(check.postgres(pool, Settings(), now=now()))
    finally:
        with pool.begin() as conn:
            conn.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
