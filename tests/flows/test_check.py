"""What `check` finds on real servers."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import sys
from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import text

from gateway import errors
from gateway.core.health.finding import Finding, Level
from gateway.flows.health import check
from gateway.local import embedded
from gateway.settings import Settings, TraceExporter
from gateway.store.db.engine import Pool


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def texts(findings: list[Finding], level: Level) -> str:
    return "\n".join(one.text for one in findings if one.level is level)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Valkey for the tests of this file."""
    with embedded.valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


def test_postgres__without_fsync__is_refused_and_else_good(pool: Pool) -> None:
    found = check.postgres(pool, Settings(), now=now())
    wrong = texts(found, Level.ERROR)
    assert [word for word in ("fsync", "full_page_writes", "synchronous_commit") if word in wrong]
    assert sum(one.level is Level.ERROR for one in found if one.subject == "postgres") == 3
    assert "revision 0" in texts(found, Level.OK)


def test_postgres__that_is_read_only_for_our_role__is_refused(
    pool: Pool, database_url: str
) -> None:
    here = f'ALTER ROLE gateway IN DATABASE "{pool.engine.url.database}"'
    with pool.begin() as conn:
        conn.execute(text(f"{here} SET default_transaction_read_only = on"))
    fresh = Pool(database_url, name="fresh", size=1, limit_seconds=5)
    try:
        found = check.postgres(fresh, Settings(), now=now())
    finally:
        fresh.close()
        with pool.begin() as conn:
            conn.execute(text("SET TRANSACTION READ WRITE"))
            conn.execute(text(f"{here} RESET default_transaction_read_only"))
    assert "read-only for us" in texts(found, Level.ERROR)


def test_postgres__before_its_migrations__is_refused(pool: Pool) -> None:
    with pool.begin() as conn:
        (head,) = conn.execute(text("DELETE FROM alembic_version RETURNING version_num")).scalars()
    try:
        found = check.postgres(pool, Settings(), now=now())
    finally:
        with pool.begin() as conn:
            conn.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
    assert "revision none" in texts(found, Level.ERROR)


@contextlib.contextmanager
def newer_schema(pool: Pool, *changes: str) -> Iterator[None]:
    """Have a database that a newer version has migrated; the changes must be undone by the test."""
    with pool.begin() as conn:
        (head,) = conn.execute(text("SELECT version_num FROM alembic_version")).scalars()
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for change in changes:
            conn.execute(text(change))
    try:
        yield
    finally:
        with pool.begin() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})


def test_postgres__after_a_newer_versions_migrations__is_warned_of_and_still_looked_at(
    pool: Pool,
) -> None:
    with newer_schema(pool):
        found = check.postgres(pool, Settings(), now=now())
    (newer,) = [one for one in found if "revision 9999, a newer version's" in one.text]
    assert newer.level is Level.WARNING
    assert "restore the backup" in str(newer.remedy)
    assert "no source" in texts(found, Level.ERROR)


def test_postgres__with_a_schema_too_new_to_read__is_an_error_that_says_so(pool: Pool) -> None:
    with newer_schema(pool, "ALTER TABLE workers RENAME TO pulses_of_a_newer_version"):
        try:
            found = check.postgres(pool, Settings(), now=now())
        finally:
            with pool.begin() as conn:
                conn.execute(text("ALTER TABLE pulses_of_a_newer_version RENAME TO workers"))
    assert found[-1].level is Level.ERROR
    assert "no more of what this version reads" in found[-1].text
    assert "run the version that migrated it" in str(found[-1].remedy)


def test_postgres__without_a_table_of_this_version__is_broken(pool: Pool) -> None:
    with pool.begin() as conn:
        conn.execute(text("ALTER TABLE workers RENAME TO lost"))
    try:
        with pytest.raises(errors.InternalError):
            check.postgres(pool, Settings(), now=now())
    finally:
        with pool.begin() as conn:
            conn.execute(text("ALTER TABLE lost RENAME TO workers"))


def test_postgres__with_an_unlogged_table__is_refused(pool: Pool) -> None:
    with pool.begin() as conn:
        conn.execute(text("CREATE UNLOGGED TABLE careless (id bigint)"))
    try:
        found = check.postgres(pool, Settings(), now=now())
    finally:
        with pool.begin() as conn:
            conn.execute(text("DROP TABLE careless"))
    assert "unlogged tables: careless" in texts(found, Level.ERROR)


def test_redis__embedded__is_good(valkey: str) -> None:
    found = check.wake_ups(valkey)
    assert [one.level for one in found] == [Level.OK, Level.OK]
    assert found[0].text.startswith(("Valkey 9", "Redis 7"))  # the latter in tests/matrix.py


def test_redis__that_evicts__is_warned_of(valkey: str) -> None:
    client = redis.Redis.from_url(valkey)
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "allkeys-lru" in texts(check.wake_ups(valkey), Level.WARNING)
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()


def test_redis__with_another_password__is_refused_without_showing_it(valkey: str) -> None:
    (finding,) = check.wake_ups(f"redis://:sesame@{valkey.partition('@')[2]}")
    assert (finding.level, finding.text) == (Level.ERROR, "it refuses our password")
    assert "sesame" not in str(finding)


def test_redis__that_is_not_there__is_an_error_that_says_what_still_works() -> None:
    (finding,) = check.wake_ups("redis://:sesame@127.0.0.1:1/0")
    assert finding.level is Level.ERROR
    assert "still accepted" in finding.text
    assert "sesame" not in str(finding)


def test_redis__that_may_not_be_asked__is_an_error_with_its_remedy(valkey: str) -> None:
    client = redis.Redis.from_url(valkey)
    try:
        client.acl_setuser("mute", enabled=True, passwords=["+x"], commands=["+ping"])
        (finding,) = check.wake_ups(f"redis://mute:x@{valkey.partition('@')[2]}")
    finally:
        client.acl_deluser("mute")
        client.close()
    assert (finding.level, finding.remedy) == (Level.ERROR, "allow our user INFO")


def test_redis__without_the_database_asked_for__says_what_to_correct(valkey: str) -> None:
    (finding,) = check.wake_ups(f"{valkey.rpartition('/')[0]}/99999")
    assert finding.level is Level.ERROR
    assert finding.text.startswith("it refuses what REDIS_URL asks for (")
    assert finding.remedy == "correct the user or the number of the database there"


def test_disk__with_room__is_good_and_a_missing_folder_is_nobodys(tmp_path: pathlib.Path) -> None:
    (finding,) = check.disk(tmp_path)
    assert "GiB are free" in finding.text
    assert check.disk(tmp_path / "missing") == []


def test_disk__that_is_nearly_full__is_warned_of(tmp_path: pathlib.Path) -> None:
    (finding,) = check.disk(tmp_path, least_free_bytes=2**62)
    assert (finding.level, "answers every page with 503" in finding.text) == (Level.WARNING, True)


def test_settings__bad_and_unknown__become_a_finding_each() -> None:
    with pytest.raises(errors.BadSettings) as raised:
        Settings.from_environ({"PORT": "x", "GATEWAY_WORKERS": "-1"})
    found = check.settings_problems(raised.value)
    assert [one.text.partition(":")[0] for one in found] == ["PORT", "GATEWAY_WORKERS"]
    (warning,) = check.settings_warnings(Settings.from_environ({"GATEWAY_WORKER": "1"}))
    assert (warning.level, "GATEWAY_WORKERS" in warning.text) == (Level.WARNING, True)
    assert check.settings_warnings(Settings())[0].level is Level.OK


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("gateway:__version__", "is no function"),
        ("os:getcwd", "does not take one argument"),
    ],
)
def test_error_hook__that_cannot_be_called__is_an_error_with_its_remedy(
    name: str, why: str
) -> None:
    (finding,) = check.error_hook(name)
    assert finding.level is Level.ERROR
    assert finding.text.startswith(f"GATEWAY_ERROR_HOOK: {name} ")
    assert why in finding.text
    assert "correct or remove the setting" in str(finding.remedy)


def test_error_hook__that_can_be_called__is_good_and_none_is_nothing() -> None:
    (finding,) = check.error_hook("builtins:print")
    assert finding.level is Level.OK
    assert check.error_hook(None) == []


def test_traces__asked_for_without_their_packages__are_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.delitem(sys.modules, "gateway.spans", raising=False)
    (finding,) = check.traces(TraceExporter.OTLP)
    assert finding.level is Level.WARNING
    assert "nothing is traced" in finding.text
    assert "requirements-otel.txt" in str(finding.remedy)


def test_traces__asked_for_and_installed__are_good_and_none_are_nothing() -> None:
    (finding,) = check.traces(TraceExporter.OTLP)
    assert finding.level is Level.OK
    assert check.traces(TraceExporter.NONE) == []
