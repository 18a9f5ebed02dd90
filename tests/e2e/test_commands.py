"""The commands on a real database: what they print, refuse and leave behind."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import stat
import subprocess
import sys
from typing import Protocol

import pytest
from sqlalchemy import text

from gateway.core.access.secrets import Verifier
from gateway.store.cohorts import epochs
from gateway.store.db.engine import Pool
from gateway.store.sources import sources
from tests.e2e.command import Done, run

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNREACHABLE = "postgresql://u:sesame@127.0.0.1:1/d"

COMMANDS = (
    ("up",),
    ("check",),
    ("migrate",),
    ("bootstrap",),
    ("credentials",),
    ("source", "add"),
    ("source", "list"),
    ("source", "set"),
    ("source", "pause"),
    ("source", "resume"),
    ("source", "rotate"),
    ("source", "remove"),
    ("status",),
    ("cohort", "list"),
    ("cohort", "create"),
    ("cohort", "change"),
    ("cohort", "show"),
    ("cohort", "delete"),
    ("cohort", "restore"),
    ("member", "show"),
    ("database", "show"),
    ("database", "end"),
    ("database", "password"),
    ("key", "create"),
    ("key", "list"),
    ("key", "revoke"),
    ("simulate",),
    ("replay",),
    ("erase",),
    ("restored",),
    ("secrets", "rotate"),
)


class Typed(Protocol):
    """A command typed where DATABASE_URL is set."""

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Done:
        """Run it."""


@pytest.fixture
def typed(pool: Pool, database_url: str, tmp_path: pathlib.Path) -> Typed:
    """Run commands on the database of the test, which is empty."""
    del pool

    def on_the_database(*arguments: str, stdin: str = "", **environ: str) -> Done:
        here = {"DATABASE_URL": database_url, "GATEWAY_DATA_DIR": str(tmp_path), **environ}
        return run(*arguments, stdin=stdin, **here)

    return on_the_database


def opens(pool: Pool, slug: str, password: str) -> bool:
    """Tell whether a password opens a source now."""
    with pool.read() as conn:
        found = sources.find(conn, slug, now=datetime.datetime.now(datetime.UTC))
    assert found is not None
    verifier = Verifier()
    return any(verifier.verify(password.encode(), one.password) for one in found.credentials)


def shown_password(done: Done) -> str:
    (line,) = [line for line in done.out.splitlines() if "Password" in line]
    return line.split()[-1]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help__of_each_command__is_a_sentence_and_an_example(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert (done.code, done.err) == (0, "")
    first = done.out.split("\n\n")[1].strip()
    assert first.endswith(".")
    words = " ".join(done.out.split())
    assert f"python -m gateway {' '.join(command)}" in words


def test_no_command__shows_the_help_and_every_command() -> None:
    done = run()
    assert done.code == 0
    assert all(command[0] in done.out for command in COMMANDS)


def test_process__that_fails__ends_with_one_sentence_and_code_1() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "source", "list"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": UNREACHABLE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the database cannot be reached: ")
    assert "DATABASE_URL" in line
    assert "sesame" not in line


def test_database__that_is_nowhere__is_asked_for(tmp_path: pathlib.Path) -> None:
    done = run("key", "list", GATEWAY_DATA_DIR=str(tmp_path / "none"))
    assert done.code == 1
    assert "Start `make run`" in done.err
    assert "DATABASE_URL" in done.err
    assert not (tmp_path / "none").exists()


def test_database__before_its_migrations__says_which_command_to_run(
    typed: Typed, pool: Pool
) -> None:
    with pool.begin() as conn:
        (head,) = conn.execute(text("DELETE FROM alembic_version RETURNING version_num")).scalars()
    done = typed("source", "list")
    with pool.begin() as conn:
        conn.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
    assert (done.code, "python -m gateway migrate" in done.err) == (1, True)


def test_source_add__prints_a_password_that_works_once(typed: Typed, pool: Pool) -> None:
    done = typed("source", "add", "shop-eu", "--project", "1", "--identity", "email")
    assert done.code == 0
    assert "/webhooks/mixpanel/shop-eu" in done.out
    password = shown_password(done)
    assert opens(pool, "shop-eu", password)
    assert password not in typed("source", "list").out + typed("source", "list", "--json").out


def test_source_commands__with_a_public_url__print_it(typed: Typed) -> None:
    here = typed("source", "add", "here").out
    assert "http://127.0.0.1:8000/webhooks/mixpanel/here" in here
    assert "GATEWAY_PUBLIC_URL" in here
    outside = {"GATEWAY_PUBLIC_URL": "https://gateway.example/cohorts/"}
    url = "https://gateway.example/cohorts/webhooks/mixpanel/shop"
    for done in (
        typed("source", "add", "shop", **outside),
        typed("source", "rotate", "shop", **outside),
    ):
        assert f"  Webhook URL   {url}\n" in done.out
        assert "GATEWAY_PUBLIC_URL" not in done.out
        assert "127.0.0.1" not in done.out


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_source_add__with_a_password_on_stdin__takes_it_without_its_line_end(
    typed: Typed, pool: Pool, ending: str
) -> None:
    done = typed("source", "add", "shop", "--password-file", "-", stdin=f" pass word{ending}")
    assert done.code == 0
    assert "pass word" not in done.out
    assert opens(pool, "shop", " pass word")


def test_source_add__with_a_password_file__takes_it(
    typed: Typed, pool: Pool, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "password").write_text("from a file\n")
    file = str(tmp_path / "password")
    assert typed("source", "add", "shop", "--password-file", file).code == 0
    assert opens(pool, "shop", "from a file")
    missing = typed("source", "rotate", "shop", "--password-file", f"{file}-not")
    assert (missing.code, "cannot be read" in missing.err) == (1, True)


def test_source_add__without_authentication__needs_and_shows_none(typed: Typed) -> None:
    done = typed("source", "add", "shop", "--no-auth")
    assert (done.code, "Password" in done.out) == (0, False)
    (found,) = typed("source", "list", "--json").document()
    assert (found["auth_required"], found["credentials"]) == (False, [])
    assert "not needed" in typed("source", "list").out
    both = typed("source", "add", "b", "--no-auth", "--password-file", "-")
    assert (both.code, "--no-auth" in both.err) == (2, True)


def test_source_list__as_json__tells_everything_but_secrets(typed: Typed) -> None:
    typed("source", "add", "shop", "--project", "1", "--project", "2")
    typed("source", "pause", "shop")
    (found,) = typed("source", "list", "--json").document()
    assert found["slug"] == "shop"
    assert found["project_ids"] == ["1", "2"]
    assert found["paused"] is True
    assert found["webhook_path"] == "/webhooks/mixpanel/shop"
    assert found["credentials"] == [{"username": "mixpanel", "valid_until": None}]
    assert found["created_at"].endswith("Z")
    row = typed("source", "list").out.splitlines()[1].split()
    assert row == ["shop", "paused", "mixpanel", "-", "1,2", "0", "mixpanel"]


def test_source_pause__and_resume__succeed_as_often_as_they_are_typed(typed: Typed) -> None:
    typed("source", "add", "shop")
    assert [typed("source", word, "shop").code for word in ("pause", "pause")] == [0, 0]
    assert [typed("source", word, "shop").code for word in ("resume", "resume")] == [0, 0]
    assert "source list" in typed("source", "pause", "unknown").err


def test_source_set__changes_identity_and_projects_and_takes_them_back(typed: Typed) -> None:
    typed("source", "add", "shop", "--project", "1")
    assert typed("source", "set", "shop", "--identity", "email", "--project", "2").code == 0
    (found,) = typed("source", "list", "--json").document()
    assert (found["identity_property"], found["project_ids"]) == ("email", ["2"])
    assert typed("source", "set", "shop", "--default-identity", "--any-project").code == 0
    (found,) = typed("source", "list", "--json").document()
    assert (found["identity_property"], found["project_ids"]) == (None, [])


def test_source_set__without_a_change_or_with_a_contradiction__is_refused(typed: Typed) -> None:
    typed("source", "add", "shop")
    assert typed("source", "set", "shop").code == 2
    assert typed("source", "set", "shop", "--project", "1", "--any-project").code == 2
    assert typed("source", "set", "shop", "--identity", " ").code == 1
    assert "source list" in typed("source", "set", "unknown", "--any-project").err


def test_source_rotate__keeps_the_old_password_for_the_overlap(typed: Typed, pool: Pool) -> None:
    old = shown_password(typed("source", "add", "shop"))
    done = typed("source", "rotate", "shop", "--overlap", "1")
    assert opens(pool, "shop", old)
    assert opens(pool, "shop", shown_password(done))
    assert " until " in typed("source", "list").out
    newest = shown_password(typed("source", "rotate", "shop", "--now"))
    assert not opens(pool, "shop", old)
    assert not opens(pool, "shop", shown_password(done))
    assert opens(pool, "shop", newest)


def test_source_rotate__of_the_default__is_kept_for_the_next_start(
    typed: Typed, tmp_path: pathlib.Path
) -> None:
    kept = tmp_path / "credentials.json"
    made = {"webhook_username": "mixpanel", "webhook_password": "old", "api_key": "key"}
    kept.write_text(json.dumps(made))
    typed("source", "add", "default")
    done = typed("source", "rotate", "default")
    assert json.loads(kept.read_text()) == {**made, "webhook_password": shown_password(done)}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "GATEWAY_WEBHOOK_PASSWORD" in done.err


def test_source_remove__asks_for_yes_where_nobody_can_answer(typed: Typed) -> None:
    typed("source", "add", "shop")
    refused = typed("source", "remove", "shop")
    assert (refused.code, "--yes" in refused.err) == (1, True)
    assert typed("source", "remove", "shop", "--yes").code == 0
    again = typed("source", "remove", "shop", "--yes")
    assert (again.code, "was removed" in again.err) == (1, True)
    assert typed("source", "list", "--json").document() == []


def test_key__created__is_all_of_stdout_and_listed_without_itself(typed: Typed) -> None:
    done = typed("key", "create", "crm", "--scope", "read", "--scope", "write")
    assert done.code == 0
    key = done.out.strip()
    assert len(key.splitlines()) == 1
    (found,) = typed("key", "list", "--json").document()
    assert (found["name"], found["scopes"], found["valid"]) == ("crm", ["read", "write"], True)
    assert key not in typed("key", "list").out
    assert typed("key", "create", "crm", "--scope", "read").code == 1
    assert typed("key", "create", "other").code == 2
    assert typed("key", "revoke", str(found["id"])).code == 0
    assert "revoked" in typed("key", "list").out
    assert typed("key", "revoke", "crm").code == 1


def test_restored__begins_an_epoch__that_readers_are_shown(typed: Typed, pool: Pool) -> None:
    seen = set()
    for flag in ((), ("--json",)):
        done = typed("restored", *flag)
        assert done.code == 0, done.err
        with pool.read() as conn:
            epoch = epochs.get(conn)
        told = json.loads(done.out)["epoch"] if flag else done.out.split()[3]
        assert told == epoch
        seen.add(epoch)
    assert len(seen) == 2


def test_erase__without_saying_yes__does_nothing(typed: Typed) -> None:
    refused = typed("erase", "ada")
    assert (refused.code, "--yes" in refused.err) == (1, True)
    assert typed("erase", "ada", "--yes").code == 0
    unknown = typed("erase", "ada", "--source", "nowhere", "--yes")
    assert (unknown.code, "nowhere" in unknown.err) == (1, True)
    assert typed("erase", "  ", "--yes").code == 1


def test_replay__says_what_it_needs(typed: Typed) -> None:
    assert typed("replay").code == 2
    assert typed("replay", "1-1", "--blocked").code == 2
    assert typed("replay", "1-1", "--cohort", "1").code == 2
    assert typed("replay", "1-1").code == 1
    assert typed("replay", "nonsense").code == 1
    nothing = typed("replay", "--blocked")
    assert (nothing.code, nothing.out) == (0, "No page is blocked.\n")


def test_simulate__without_credentials_or_gateway__says_what_to_do(tmp_path: pathlib.Path) -> None:
    here = {"GATEWAY_DATA_DIR": str(tmp_path), "PORT": "1"}
    assert "GATEWAY_API_KEY" in run("simulate", **here).err
    keyed = {**here, "GATEWAY_API_KEY": "k"}
    assert "GATEWAY_WEBHOOK_PASSWORD" in run("simulate", **keyed).err
    away = run("simulate", "--no-auth", **keyed)
    assert (away.code, "Start the gateway" in away.err) == (1, True)
    assert run("simulate", "--no-auth", "--url", "nonsense", **keyed).code == 1


def test_simulate__with_kept_credentials__sends_them_to_no_other_gateway(
    tmp_path: pathlib.Path,
) -> None:
    made = {"webhook_username": "mixpanel", "webhook_password": "p", "api_key": "k"}
    (tmp_path / "credentials.json").write_text(json.dumps(made))
    here = {"GATEWAY_DATA_DIR": str(tmp_path), "PORT": "1"}
    assert "Start the gateway" in run("simulate", **here).err
    away = run("simulate", "--url", "http://127.0.0.1:1", **here)
    assert (away.code, "no API key" in away.err) == (1, True)
    (tmp_path / "credentials.json").write_text("spoiled")
    assert "credentials.json cannot be used" in run("simulate", **here).err


def test_unknown_settings__are_warned_of_on_stderr(database_url: str, pool: Pool) -> None:
    del pool
    done = run("source", "list", DATABASE_URL=database_url, GATEWAY_WORKER="1")
    assert (done.code, "did you mean GATEWAY_WORKERS?" in done.err) == (0, True)
