"""What `make run` says when it is ready: where it is, where credentials come from, two commands."""

from __future__ import annotations

import json
import os
import pathlib
import pty
import shlex
import subprocess
import sys

import click
import pytest

from gateway.local.supervisor import banner, credentials
from gateway.settings import Settings
from tests.e2e.command import run
from tests.e2e.running import curls, words

SECRETS = {"GATEWAY_WEBHOOK_PASSWORD": "sesame", "GATEWAY_API_KEY": "k-e-y"}


def greet(
    data_dir: pathlib.Path, *, at_terminal: bool = True, settings: Settings | None = None
) -> str:
    """Greet as a start on this folder does."""
    given = settings or Settings()
    resolved = credentials.resolve(given, data_dir)
    return banner.text(given, resolved, data_dir, at_terminal=at_terminal)


def kept(data_dir: pathlib.Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((data_dir / "credentials.json").read_text())
    return found


def test_greeting__says_where_credentials_come_from(tmp_path: pathlib.Path) -> None:
    made = "generated at this start and kept"
    again = "kept since an earlier start"
    outside = "from the environment"
    assert greet(tmp_path).count(made) == 2
    assert greet(tmp_path).count(again) == 2
    mixed = greet(tmp_path, settings=Settings(webhook_password="sesame"))
    assert (mixed.count(outside), mixed.count(again), "sesame" in mixed) == (1, 1, True)


@pytest.mark.parametrize("at_terminal", [True, False])
def test_greeting__fits_80_columns(tmp_path: pathlib.Path, *, at_terminal: bool) -> None:
    text = greet(tmp_path, at_terminal=at_terminal).replace(str(tmp_path), "<folder>")
    assert max(map(len, text.splitlines())) <= 80


def test_greeting__of_which_a_log_is_made__has_no_secrets_but_commands_that_work(
    tmp_path: pathlib.Path,
) -> None:
    shown = greet(tmp_path)
    hidden = greet(tmp_path, at_terminal=False)
    known = kept(tmp_path)
    for secret in (known["webhook_password"], known["api_key"]):
        assert secret in shown
        assert secret not in hidden
    assert ".venv/bin/python -m gateway credentials --only password" in hidden
    variables = {"$PASSWORD": known["webhook_password"], "$KEY": known["api_key"]}
    assert [words(one, variables) for one in curls(hidden)] == [
        words(one, {}) for one in curls(shown)
    ]


@pytest.mark.parametrize("name", ["sender", "two words", "it's"])
def test_greeting__of_odd_credentials__has_commands_that_a_shell_takes(
    tmp_path: pathlib.Path, name: str
) -> None:
    settings = Settings(webhook_username=name, webhook_password='a "$x" \\', api_key="k")
    (post, _) = curls(greet(tmp_path, settings=settings))
    assert shlex.split(post.replace("\\\n", ""))[2] == f'{name}:a "$x" \\'
    (post, _) = curls(greet(tmp_path, settings=settings, at_terminal=False))
    assert words(post, {"$PASSWORD": "p"})[2] == f"{name}:p"


def test_greeting__with_a_public_url__prints_no_other(tmp_path: pathlib.Path) -> None:
    text = greet(tmp_path, settings=Settings(public_url="https://gateway.example/c"))
    assert text.count("https://gateway.example/c/webhooks/mixpanel/default") == 2
    assert "https://gateway.example/c/v1/members/ada/cohorts" in text
    assert "127.0.0.1" not in text


def test_credentials__of_the_data_folder__are_shown_again(tmp_path: pathlib.Path) -> None:
    greet(tmp_path)
    known = kept(tmp_path)
    here = {"GATEWAY_DATA_DIR": str(tmp_path)}
    shown = run("credentials", **here)
    assert (shown.code, shown.err) == (0, "")
    assert known["webhook_password"] in shown.out
    assert known["api_key"] in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert run("credentials", "--json", **here).document() == {
        "webhook_url": "http://127.0.0.1:8000/webhooks/mixpanel/default",
        "username": "mixpanel",
        "password": known["webhook_password"],
        "password_from": "kept",
        "api_key": known["api_key"],
        "api_key_from": "kept",
    }
    for only, name in (("username", "webhook_username"), ("password", "webhook_password")):
        assert run("credentials", "--only", only, **here).out == f"{known[name]}\n"
    assert run("credentials", "--only", "api-key", **here).out == f"{known['api_key']}\n"


def test_credentials__of_the_environment__are_shown_as_such(tmp_path: pathlib.Path) -> None:
    here = {"GATEWAY_DATA_DIR": str(tmp_path)}
    found = run("credentials", "--json", **SECRETS, **here).document()
    assert (found["password"], found["password_from"]) == ("sesame", "environment")
    assert (found["api_key"], found["api_key_from"]) == ("k-e-y", "environment")
    missing = run("credentials", **here)
    assert (missing.code, missing.out) == (1, "")
    assert missing.err.startswith("error: no credentials are kept in ")


def at_a_terminal(*arguments: str, **environ: str) -> str:
    """Run a command with a terminal for its output, and return what that shows."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        shown = b""
        try:
            while some := os.read(ours, 65_536):
                shown += some
        except OSError:  # nothing is left at its other end
            pass
        os.close(ours)
        process.wait()
    return shown.decode()


def test_commands__at_a_terminal__fit_80_columns(tmp_path: pathlib.Path) -> None:
    data_dir = {"GATEWAY_DATA_DIR": str(tmp_path)}
    for arguments in (("check",), ("key", "list"), ("source", "add"), ("up",)):
        shown = at_a_terminal(*arguments, PORT="x", **data_dir)
        assert "error" in shown
        plain = click.unstyle(shown).splitlines()
        wide = [line for line in plain if len(line) > 80 and " " in line.strip()]
        assert wide == []
