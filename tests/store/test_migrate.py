"""Migrations: from nothing to the head, once, whoever else is at it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import alembic.command
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from gateway import errors
from gateway.core import texts
from gateway.flows.health import schema
from gateway.store import tables
from gateway.store.db import migrate, schema_version
from gateway.store.db.engine import Pool

if TYPE_CHECKING:
    pass

APPLY_SECONDS = 4.0

# What one process of two does: wait for the word, then migrate.
MIGRATE = """
import sys
from gateway.flows.health import schema
from gateway.store.db.engine import Pool
pool = Pool(sys.argv[1], name="test", size=1, limit_seconds=60)
print("ready", flush=True)
sys.stdin.readline()
print(schema.migrate(pool))
"""


def revision_and_tables(url: str) -> tuple[str | None, set[str]]:
    pool = Pool(url, name="test", size=1, limit_seconds=60)
    with pool.read() as conn:
        revision = schema_version.current(conn)
        names = set(conn.execute(_TABLES).scalars())
    pool.close()
    return revision, names


def test_migrate__empty_database__makes_every_table(empty_url: str) -> None:
    assert revision_and_tables(empty_url) == (None, set())
    pool = Pool(empty_url, name="test", size=1, limit_seconds=60)
    assert schema.migrate(pool) == schema_version.head()
    assert schema.migrate(pool) == schema_version.head()
    pool.close()
    revision, names = revision_and_tables(empty_url)
    assert revision == schema_version.head()
    assert names == {*tables.metadata.tables, "alembic_version"}


def test_revisions__that_are_known__are_those_that_alembic_finds() -> None:
    found = ScriptDirectory.from_config(migrate.config())
    assert list(schema_version.known()) == [one.revision for one in found.walk_revisions()][::-1]
    assert [schema_version.head()] == found.get_heads()


def test_migrate__by_two_processes_at_once__is_done_once(empty_url: str) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in both:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [one.communicate(timeout=60) for one in both]
    assert [(out, one.returncode) for (out, _), one in zip(answers, both, strict=True)] == [
        (f"{schema_version.head()}\n", 0)
    ] * 2
    assert revision_and_tables(empty_url)[0] == schema_version.head()


def test_migrate__from_each_revision__arrives_with_what_was_kept(empty_url: str) -> None:
    pool = Pool(empty_url, name="test", size=1, limit_seconds=60)
    upgrade(pool, "0001")
    with pool.begin() as conn:
        conn.execute(_DELIVERY, {"number": 1})
    assert schema.migrate(pool) == schema_version.head()
    with pool.read() as conn:
        assert conn.execute(_KEPT).all() == [(1, "roster", None)]
    pool.close()


def test_migrate__with_sessions_that_began_in_several_cohorts__keeps_the_first_start_of_each(
    empty_url: str,
) -> None:
    pool = Pool(empty_url, name="test", size=1, limit_seconds=60)
    upgrade(pool, "0001")
    with pool.begin() as conn:
        for cohort_id, key, order in ((1, b"one", 7), (2, b"one", 5), (1, b"two", 9), (2, None, 3)):
            parameters = {"cohort_id": cohort_id, "number": order, "key": key}
            conn.execute(_SESSION, parameters)
    schema.migrate(pool)
    with pool.read() as conn:
        starts = {bytes(row.session_key): row.started_order for row in conn.execute(_STARTS)}
    assert starts == {b"one": 5, b"two": 9}
    pool.close()


def test_migrate__with_long_ids__keeps_their_start_and_digest(empty_url: str) -> None:
    pool = Pool(empty_url, name="test", size=1, limit_seconds=60)
    upgrade(pool, "0001")
    long = "\u20ac" * 300_000
    with pool.begin() as conn:
        for statement in _LONG:
            conn.execute(statement, {"long": long, "short": "s" * 255})
    schema.migrate(pool)
    with pool.read() as conn:
        assert conn.execute(_PROJECTS).scalars().all() == ["s" * 255, texts.kept_id(long)]
        assert conn.execute(_ERASED).scalars().all() == [texts.kept_id(long)]
        assert conn.execute(_SESSIONS).scalars().all() == ["s" * 255, texts.shown_id(long)]
    pool.close()


def test_migrate__behind_a_long_apply__holds_no_page_up_for_long(empty_url: str) -> None:
    pool = Pool(empty_url, name="test", size=3, limit_seconds=60)
    upgrade(pool, "0001")
    migrating = threading.Thread(target=schema.migrate, args=(pool,))
    waited, number = [], 0
    with pool.begin() as apply:
        apply.execute(_KEPT)
        migrating.start()
        until = time.monotonic() + APPLY_SECONDS
        while time.monotonic() < until:
            number += 1
            began = time.monotonic()
            with pool.begin() as conn:
                conn.execute(_DELIVERY, {"number": number})
            waited.append(time.monotonic() - began)
            apply.execute(_KEPT)  # or it would be ended as idle
            time.sleep(0.05)
        assert migrating.is_alive()
    migrating.join(60)
    assert revision_and_tables(empty_url)[0] == schema_version.head()
    assert max(waited) > migrate.LOCK_SECONDS / 2, "the migration never stood in the way"
    assert max(waited) < APPLY_SECONDS / 2
    pool.close()


def test_migrate__whose_connection_ends_while_it_waits__fails_and_is_done_later(
    empty_url: str,
) -> None:
    pool = Pool(empty_url, name="test", size=3, limit_seconds=60)
    upgrade(pool, "0001")
    with ThreadPoolExecutor(1) as crew, pool.begin() as apply:
        apply.execute(_KEPT)
        migrating = crew.submit(schema.migrate, pool)
        while not migrating.done():
            with pool.read() as conn:
                conn.execute(_END_WAITING)
        with pytest.raises(errors.Unavailable):
            migrating.result()
    assert schema.migrate(pool) == schema_version.head()
    pool.close()


def upgrade(pool: Pool, revision: str) -> None:
    """Bring an empty database to an old revision."""
    with pool.begin() as conn:
        config = migrate.config()
        config.attributes["connection"] = conn
        alembic.command.upgrade(config, revision)


_DELIVERY = text("""
    INSERT INTO deliveries (cohort_id, number, session, action, page, total_pages, digest, members,
                            roster, received_at)
    VALUES (1, :number, 1, 'add_members', :number, 1, 'digest', 1, 'roster', '2026-01-01T00:00Z')
""")

_SESSION = text("""
    INSERT INTO sessions (cohort_id, number, session_key, started_order, started_at)
    VALUES (:cohort_id, :number, :key, :number, '2026-01-01T00:00Z')
""")

_STARTS = text("SELECT session_key, started_order FROM session_starts")

_KEPT = text(
    "SELECT number, convert_from(roster, 'UTF8'), to_jsonb(d) ->> 'traceparent' FROM deliveries d"
)

_END_WAITING = text("""
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")

_TABLES = text("""
    SELECT CAST(relname AS text) FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition
      AND relnamespace = CAST('public' AS regnamespace)
""")

_LONG = (
    text("INSERT INTO sources (slug, created_at) VALUES ('default', now())"),
    text("""
        INSERT INTO cohorts
            (source_id, project_id, external_id, key, name, created_at, updated_at)
        SELECT s.id, p, '1', sha256(convert_to(p, 'UTF8')), '', now(), now()
        FROM sources s, unnest(ARRAY[:short, :long]) WITH ORDINALITY AS u (p, place)
        ORDER BY u.place
    """),
    text("""
        INSERT INTO erasures (erased_order, project_id, member_digest, erased_at)
        VALUES (1, :long, '', now())
    """),
    text("""
        INSERT INTO sessions (cohort_id, number, session_id, started_order, started_at)
        VALUES (1, 1, :short, 1, now()), (1, 2, :long, 2, now())
    """),
)
_PROJECTS = text("SELECT project_id FROM cohorts ORDER BY id")
_ERASED = text("SELECT project_id FROM erasures")
_SESSIONS = text("SELECT session_id FROM sessions ORDER BY number")
