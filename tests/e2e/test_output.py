"""Standard output that is full, closed or gone: one line on stderr, and a failure."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e import command as typed
from tests.stack import ROOT

COMMANDS = (
    "--help",
    "--version",
    "check",
    "check --json",
    "source --help",
    "source list --help",
    "simulate --help",
)
# Redirections of a shell.
FULL, CLOSED = ">/dev/full", ">&-"


def run(command: str, redirection: str) -> tuple[int, str]:
    """Run a command in a shell; returns its exit code, and what it said on stderr."""
    done = subprocess.run(
        [
            "/bin/bash",
            "-c",
            f"{sys.executable} -m gateway {command} {redirection}; exit ${{PIPESTATUS[0]}}",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": "postgresql://u@127.0.0.1:1/d"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_output__full_or_closed__is_a_line_on_stderr_and_a_failure(command: str) -> None:
    for redirection, why in ((FULL, "No space left on device"), (CLOSED, "is closed")):
        code, said = run(command, redirection)
        assert code == 1
        assert said.startswith("error: standard output")
        assert why in said
        assert said.count("\n") == 1


def test_output__whose_reader_has_left__is_a_line_on_stderr_and_a_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "error: standard output cannot be written (Broken pipe)" in done.stderr


def test_output__and_stderr_full__is_a_failure_all_the_same() -> None:
    assert run("--help", ">/dev/full 2>/dev/full")[0] != 0


@pytest.mark.parametrize(
    "command", ["bootstrap", "migrate", "source list", "key list", "replay --blocked", "check"]
)
def test_settings__misspelt_or_weak__are_warned_of_once_by_each_command(command: str) -> None:
    done = typed.run(
        *command.split(),
        DATABASE_URL="postgresql://u@127.0.0.1:1/d",
        GATEWAY_WORKER="2",
        GATEWAY_WEBHOOK_PASSWORD="Password1",
    )
    assert done.code == 1
    said = done.out + done.err
    assert said.count("unknown setting GATEWAY_WORKER; did you mean GATEWAY_WORKERS?") == 1
    if command != "check":  # it judges what is in force, for which it needs the database
        assert done.err.count("warning: GATEWAY_WEBHOOK_PASSWORD is one that is tried first") == 1
    assert "Password1" not in said
