"""A gateway started as `make run` starts it, for tests that look at it from outside only."""

import base64
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

# Only a test that hangs meets it; nothing is measured.
PATIENCE_SECONDS = 100.0

# A job that a shell starts in the background ignores SIGINT, and ignoring is inherited.
IN_THE_BACKGROUND = 'trap "" INT; exec "$0" -m gateway up'


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(kw_only=True)
class Running:
    """A gateway on one data folder and port, and what its newest start said."""

    checkout: Path
    data_dir: Path
    environ: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> Self:
        """Start it, in a session of its own; what it says goes to files beside its data."""
        with self._said("out").open("wb") as stdout, self._said("err").open("wb") as stderr:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", IN_THE_BACKGROUND, sys.executable],
                cwd=self.checkout,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        return self

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "GATEWAY_DATA_DIR": str(self.data_dir),
            "GATEWAY_WEB_PROCESSES": "1",
            "GATEWAY_WORKERS": "1",
            **self.environ,
        }

    def stdout(self) -> str:
        """Return what it and its programs wrote to standard output."""
        return self._said("out").read_text()

    def stderr(self) -> str:
        """Return what it and its programs wrote to standard error."""
        return self._said("err").read_text()

    def _said(self, where: str) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.{where}")

    def await_greeting(self) -> Self:
        """Wait until it says that it is ready."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "Ctrl-C stops everything." not in self.stdout():
            assert self.process.poll() is None, self.stdout() + self.stderr()
            assert time.monotonic() < deadline, self.stdout() + self.stderr()
            time.sleep(0.05)
        return self

    def curls(self) -> list[list[str]]:
        """Return the commands of the greeting, in words as a shell would take them."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "credentials", "--json"],
            cwd=self.checkout,
            env=self._environ(),
            capture_output=True,
            check=True,
        )
        made = json.loads(done.stdout)
        known = {"$PASSWORD": made["password"], "$KEY": made["api_key"]}
        commands = [words(text, known) for text in curls(self.stdout())]
        assert [command[0] for command in commands] == ["curl", "curl"]
        return commands

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE_SECONDS)

    def pids(self) -> list[int]:
        """Process ids of everything that belongs to the data folder, found from outside."""
        return sorted(
            int(place.name) for place in Path("/proc").glob("[0-9]*") if self._owns(place)
        )

    def _owns(self, place: Path) -> bool:
        mark = os.fsencode(self.data_dir)
        with suppress(OSError):  # it ended meanwhile
            if (place / "cwd").readlink().is_relative_to(self.data_dir):
                return True
            return any(mark in (place / name).read_bytes() for name in ("cmdline", "environ"))
        return False

    def pid_of(self, command: str) -> int:
        """Process id of the part whose command line has this regular expression."""
        found = self._parts(command)
        assert found, command
        return found[0]

    def await_another(self, pid: int, command: str) -> None:
        """Wait until another process of that command is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not set(self._parts(command)) - {pid}:
            assert time.monotonic() < deadline, command
            time.sleep(0.05)

    def _parts(self, command: str) -> list[int]:
        """Process ids of our direct children of that command, but for their launchers."""
        found = []
        for pid in self.pids():
            with suppress(OSError):  # it ended meanwhile
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
                parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == self.process.pid and "launch.py" not in words:
                    found += [pid] if re.search(command, words) else []
        return found

    def kill_supervisor(self) -> None:
        """End the first process only, in a way that leaves it no time for anything."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def kill_everything(self) -> None:
        """End every process at once."""
        for pid in [self.process.pid, *self.pids()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)

    def await_nothing_left(self) -> None:
        """Wait until no process belongs to the data folder."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left := self.pids():
            assert time.monotonic() < deadline, f"still running: {left}"
            time.sleep(0.05)

    def await_ready(self) -> None:
        """Wait until /readyz answers 200."""
        url = f"http://127.0.0.1:{self.port}/readyz"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_ok(url):
            assert time.monotonic() < deadline, self.stderr()
            time.sleep(0.05)


def curls(greeting: str) -> list[str]:
    """Return the commands of a greeting, each a paragraph of its own."""
    return [text for text in greeting.split("\n\n") if text.startswith("  curl ")]


def words(command: str, variables: Mapping[str, str]) -> list[str]:
    """Split a command as a shell does, with the values of its variables."""
    found = shlex.split(command.replace("\\\n", " "))
    for name, value in variables.items():
        found = [word.replace(name, value) for word in found]
    return found


def is_ok(url: str) -> bool:
    """Whether a GET is answered with 200."""
    with suppress(OSError, http.client.HTTPException):
        return perform(["curl", url])[0] == http.client.OK
    return False


def perform(curl: list[str]) -> tuple[int, object]:
    """Do what the command would (-u, -H, -d and a URL); the status and the JSON of the answer."""
    headers: dict[str, str] = {}
    body: bytes | None = None
    words = iter(curl[1:-1])
    for option in words:
        value = next(words)
        match option:
            case "-u":
                headers["Authorization"] = f"Basic {base64.b64encode(value.encode()).decode()}"
            case "-H":
                name, _, text = value.partition(": ")
                headers[name] = text
            case "-d":
                body = value.encode()
            case _:
                raise AssertionError(option)
    url = urlsplit(curl[-1])
    assert url.hostname is not None
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET" if body is None else "POST", url.path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()
