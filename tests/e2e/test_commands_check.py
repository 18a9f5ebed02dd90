"""`check` as it is typed: what it prints for people and for programs, and how it ends."""

from __future__ import annotations

import pathlib
from typing import Protocol

import pytest
from sqlalchemy import text

from gateway.store.db.engine import Pool
from tests.e2e.command import Done, run

UNREACHABLE = "postgresql://u:sesame@127.0.0.1:1/d"


class Typed(Protocol):
    """A command typed where DATABASE_URL is set."""

    def __call__(self, *arguments: str, **environ: str) -> Done:
        """Run it."""


@pytest.fixture
def typed(pool: Pool, database_url: str, tmp_path: pathlib.Path) -> Typed:
    """Run commands on the database of the test, which is empty."""
    del pool

    def on_the_database(*arguments: str, **environ: str) -> Done:
        ours = {"DATABASE_URL": database_url, "GATEWAY_DATA_DIR": str(tmp_path)}
        return run(*arguments, **ours, **environ)

    return on_the_database


def test_check__of_unsafe_servers__fails_and_names_the_remedy(typed: Typed) -> None:
    done = typed("check")
    assert done.code == 1
    assert "error    postgres: fsync is off" in done.out
    assert "set fsync = on" in done.out
    assert "REDIS_URL is not set" in done.out
    findings = typed("check", "--json").document()
    assert findings["ok"] is False
    assert {one["level"] for one in findings["findings"]} == {"ok", "warning", "error"}


def test_check__with_bad_settings__names_all_of_them_and_what_is_unknown() -> None:
    done = run("check", PORT="x", GATEWAY_WORKERS="0", GATEWAY_WORKER="1")
    assert done.code == 1
    assert all(word in done.out for word in ("PORT:", "GATEWAY_WORKERS:", "GATEWAY_WORKER;"))


@pytest.mark.parametrize("hook", ["no_such_module:f", "gateway:__version__"])
def test_check__with_a_hook_that_cannot_be_called__says_so_and_looks_at_the_rest(
    typed: Typed, hook: str
) -> None:
    done = typed("check", GATEWAY_ERROR_HOOK=hook)
    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if "GATEWAY_ERROR_HOOK" in line]
    assert line.startswith(f"error    settings: GATEWAY_ERROR_HOOK: {hook} ")
    assert line.endswith("or correct or remove the setting")
    findings = typed("check", "--json", GATEWAY_ERROR_HOOK=hook).document()["findings"]
    (wrong,) = [one for one in findings if "GATEWAY_ERROR_HOOK" in one["text"]]
    assert (wrong["level"], wrong["subject"]) == ("error", "settings")
    assert wrong["remedy"] in line
    assert {"postgres", "redis"} < {one["subject"] for one in findings}


def test_check__after_a_step_back__warns_of_the_newer_schema_with_its_remedy(
    typed: Typed, pool: Pool
) -> None:
    with pool.begin() as conn:
        (head,) = conn.execute(text("SELECT version_num FROM alembic_version")).scalars()
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        shown, findings = typed("check").out, typed("check", "--json").document()["findings"]
    finally:
        with pool.begin() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
    (newer,) = [one for one in findings if "revision 9999, a newer" in one["text"]]
    assert newer["level"] == "warning"
    assert f"warning  postgres: {newer['text']}; {newer['remedy']}" in shown


def test_check__without_a_database__fails_without_a_traceback(tmp_path: pathlib.Path) -> None:
    nowhere = run("check", GATEWAY_DATA_DIR=str(tmp_path))
    assert (nowhere.code, "no database" in nowhere.out) == (1, True)
    away = run("check", DATABASE_URL=UNREACHABLE, REDIS_URL="redis://:sesame@127.0.0.1:1/0")
    assert (away.code, "sesame" in away.out + away.err) == (1, False)
    assert "redis: it cannot be reached" in away.out
