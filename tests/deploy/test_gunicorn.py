"""deploy/gunicorn.conf.py: gunicorn serves with the numbers of the settings, and no others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gateway.settings import Settings
from tests.stack import ROOT

# gunicorn, as on a machine with as many cores as the first argument says.
PROGRAM = """
import os, sys
cores = int(sys.argv.pop(1))
os.sched_getaffinity = lambda pid: set(range(cores))
os.cpu_count = lambda: cores
from gateway.settings import Settings
if sys.argv[1:] == ["settings"]:
    print(Settings.from_environ(os.environ).web_processes)
else:
    from gunicorn.app.wsgiapp import run
    run()
"""
NOWHERE = {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d", "REDIS_URL": "redis://127.0.0.1:1"}


def started(*options: str, cores: int = 2, **environ: str) -> subprocess.CompletedProcess[str]:
    """Start gunicorn with the project's configuration, to print it or to fail."""
    return pretended("-c", "deploy/gunicorn.conf.py", *options, cores=cores, **environ)


def pretended(*arguments: str, cores: int, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program on a machine with so many cores."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(cores), *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **NOWHERE, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def printed(cores: int, **environ: str) -> dict[str, str]:
    """Return the configuration that gunicorn would serve with."""
    done = started("--print-config", "gateway.wsgi:app", cores=cores, **environ)
    assert done.returncode == 0, done.stderr
    return {
        name.strip(): value.strip()
        for name, _, value in (line.partition("=") for line in done.stdout.splitlines())
    }


@pytest.mark.parametrize("cores", [1, 3, 32])
def test_processes__by_default__are_as_many_as_the_settings_say(cores: int) -> None:
    served = printed(cores)
    assert served["workers"] == pretended("settings", cores=cores).stdout.strip()
    assert served["threads"] == str(Settings().web_threads)


def test_numbers__from_the_environment__are_read_as_the_settings_read_them() -> None:
    environ = {
        "PORT": " 8123 ",
        "GATEWAY_BIND": "::1",
        "GATEWAY_WEB_PROCESSES": " 3 ",
        "GATEWAY_WEB_THREADS": "5",
    }
    served = printed(2, **environ)
    assert (served["workers"], served["threads"]) == ("3", "5")
    assert "[::1]:8123" in served["bind"]
    assert "0.0.0.0:8000" in printed(2)["bind"]


@pytest.mark.parametrize("name", ["PORT", "GATEWAY_WEB_PROCESSES", "GATEWAY_WEB_THREADS"])
def test_number__that_cannot_be_used__ends_the_start_with_what_is_accepted(name: str) -> None:
    done = started("gateway.wsgi:app", cores=2, **{name: "0"})
    assert done.returncode != 0
    assert f"{name}: a whole number from 1 to" in done.stderr


@pytest.mark.parametrize(
    ("option", "name"),
    [("--workers", "GATEWAY_WEB_PROCESSES"), ("--threads", "GATEWAY_WEB_THREADS")],
)
def test_number__given_to_gunicorn_itself__is_refused_with_the_setting_to_use(
    option: str, name: str
) -> None:
    for done in (
        started(option, "11", "gateway.wsgi:app"),
        started("gateway.wsgi:app", GUNICORN_CMD_ARGS=f"{option}=11"),
    ):
        assert done.returncode != 0
        assert f"set {name}=11 instead" in done.stderr
