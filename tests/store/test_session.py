"""Sessions: whatever role, database, URL and shell say, texts mean the same in all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg2.extensions
import pytest
import sqlalchemy
from sqlalchemy import event, text

from gateway import errors, startup
from gateway.store.db import engine
from gateway.store.db.engine import Pool
from tests import cluster, front

# Each differs from what is asked for, and breaks something if it is taken.
FOREIGN = {
    "client_encoding": "'LATIN1'",
    "timezone": "'Asia/Tokyo'",
    "datestyle": "'German, DMY'",
    "intervalstyle": "'iso_8601'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-10",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "default_transaction_isolation": "'serializable'",
    "client_min_messages": "'debug1'",
    "search_path": "elsewhere, public",
}
WORD = "日本-😀"
SHELL = {
    "PGCLIENTENCODING": "LATIN1",
    "PGOPTIONS": "-c statement_timeout=1 -c client_encoding=LATIN1",
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGHOSTADDR": "127.0.0.2",
    "PGTARGETSESSIONATTRS": "standby",
    "PGAPPNAME": "shell",
    "PGCONNECT_TIMEOUT": "x",
}


@pytest.fixture
def foreign_url(empty_url: str) -> str:
    """Lend a database whose sessions begin with other settings than ours."""
    server = sqlalchemy.make_url(empty_url)
    settings = FOREIGN.items()
    cluster.administer(
        server, *[f"ALTER DATABASE {server.database} SET {one} = {to}" for one, to in settings]
    )
    return empty_url


def lend(url: str, *, name: str = "session") -> Pool:
    return Pool(url, name=name, size=2, limit_seconds=5)


def settings_of(pool: Pool) -> Iterator[dict[str, str]]:
    """Yield what is in force, for each way in which a connection is lent."""
    shown = text("SELECT lower(name), current_setting(name) FROM pg_settings")
    for way in (pool.read, pool.begin):
        with way() as conn:
            yield {str(name): str(value) for name, value in conn.execute(shown)}
    with pool.pipeline() as trip:
        yield {str(name): str(value) for name, value in trip.conn.execute(shown)}


def assert_ours(pool: Pool) -> None:
    for found in settings_of(pool):
        for name, value in startup.MEANING.items():
            in_transaction = name.replace("default_transaction_", "transaction_")
            assert (name, found[in_transaction]) == (name, value)
        assert found["statement_timeout"] == "5s"


def assert_any_text_passes(pool: Pool) -> None:
    for way in (pool.read, pool.begin):
        with way() as conn:
            assert conn.execute(text("SELECT CAST(:word AS text)"), {"word": WORD}).scalar() == WORD


def test_session__of_a_database_with_other_settings__has_ours(foreign_url: str) -> None:
    pool = lend(foreign_url)
    with pool.read() as conn:
        assert not engine.is_pooled(conn)
    assert_ours(pool)
    assert_any_text_passes(pool)
    pool.close()


def test_session__in_a_shell_with_variables_of_libpq__has_ours(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    pool = lend(database_url)
    assert_ours(pool)
    assert_any_text_passes(pool)
    for found in settings_of(pool):
        assert found["application_name"] == "gateway-session"
    pool.close()


def test_session__through_a_front_without_options__has_ours_in_each_transaction(
    foreign_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    with front.without_options(foreign_url) as (url, seen):
        pool = lend(url)
        with pool.read() as conn, pool.read():  # two connections
            assert engine.is_pooled(conn)
        assert_ours(pool)
        assert_any_text_passes(pool)
        assert seen.refused == 1
        for found in settings_of(pool):
            assert found["search_path"] == "elsewhere, public"
        pool.close()


def test_session__whose_driver_began_with_another_encoding__is_set_to_ours(
    database_url: str,
) -> None:
    pool = lend(database_url)
    event.listen(pool.engine, "connect", speak_latin, insert=True)
    assert_any_text_passes(pool)
    pool.close()


def speak_latin(connection: psycopg2.extensions.connection, _record: object) -> None:
    """Do what a pooler does that lends a session of another encoding than was asked for."""
    connection.set_client_encoding("LATIN1")


def test_text__that_the_connection_cannot_send__is_no_fault_of_the_text(
    database_url: str,
) -> None:
    pool = lend(database_url)
    event.listen(pool.engine, "connect", speak_latin)
    with pytest.raises(errors.Unavailable, match="takes only"):
        assert_any_text_passes(pool)
    pool.close()


def test_text__with_half_a_character__is_at_fault_itself(pool: Pool) -> None:
    with pytest.raises(UnicodeEncodeError), pool.begin() as conn:
        conn.execute(text("SELECT CAST(:word AS text)"), {"word": "\ud83d"})


def test_url__with_parameters_of_libpq__has_its_way(database_url: str) -> None:
    query = (
        "application_name=mine&options=-c%20search_path%3D%22A%5C%20b%22%2Cpublic%20-c%20a.b%3Dc"
    )
    with front.without_options(database_url) as (bare_url, _):
        for url in (database_url, bare_url):
            pool = lend(f"{url}?{query}&client_encoding=utf8&keepalives_idle=7")
            for found in settings_of(pool):
                assert found["application_name"] == "mine"
                assert found["search_path"].replace(", ", ",") == '"A b",public'
            with pool.begin() as conn:
                assert conn.execute(text("SHOW a.b")).scalar_one() == "c"
                driver = conn.connection.dbapi_connection
                assert driver is not None
                assert driver.info.dsn_parameters["keepalives_idle"] == "7"
                assert driver.info.dsn_parameters["connect_timeout"] == "2"
            assert_ours(pool)
            pool.close()


def test_snapshot__where_each_transaction_sets_its_own__can_still_be_asked_for(
    database_url: str,
) -> None:
    with front.without_options(database_url) as (url, _):
        pool = lend(f"{url}?options=-csearch_path%3Dpublic")
        with pool.begin() as conn:
            conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            shown = conn.execute(text("SHOW transaction_isolation")).scalar_one()
            assert shown == "repeatable read"
        pool.close()


def test_front__that_refuses_for_another_reason__is_unavailable(database_url: str) -> None:
    with front.without_options(database_url + "-of-nothing") as (url, seen):
        pool = lend(url)
        for _ in range(2):
            with pytest.raises(errors.Unavailable), pool.read():
                pass
        assert seen.refused == 2
        pool.close()


def test_server__that_takes_its_time_to_refuse__is_asked_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "REFUSAL_SECONDS", -1.0)
    with front.without_options(database_url) as (url, seen):
        pool = lend(url)
        with pytest.raises(errors.Unavailable), pool.read():
            pass
        assert seen.refused == 1
        pool.close()


def test_environment__of_this_run__has_no_variables_of_libpq() -> None:
    assert not [name for name in os.environ if name.startswith("PG")]
