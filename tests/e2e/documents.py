"""The documents of the project taken apart, and a copy of the project to do what they say in."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent

# The first start in a copy installs what it needs.
INSTALLING_SECONDS: Final = 240.0
SETTLING_SECONDS: Final = 30.0

# The most that anything but an installation takes.
STOPPING_SECONDS: Final = 60.0

# What a command needs besides PATH: where pip keeps its cache, and how it reaches its index.
KEPT_NAMES: Final = re.compile(r"HOME|PIP_\w+|(https?|no|all)_proxy|SSL_CERT_\w+", re.IGNORECASE)

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HUNK_FILE: Final = re.compile(r"^--- (\S+)$", re.MULTILINE)

RUN: Final = "make run"
# This test is a part of the first, so running it here would never end; the second is the step
# before it. `.ci/run` is the place where both are run as a person would run them.
BY_CI: Final = frozenset({"make test", "make check"})

# Values that differ from start to start.
_VOLATILE: Final = frozenset({"id", "at", "entered_at", "activeAt", "value", "epoch"})
# What curl says about an answer of 400 or more, as .curlrc below asks it to.
_REFUSED: Final = 22


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language and text, and what stands before it in its document."""

    language: str
    text: str
    before: str


def read(name: str) -> str:
    """Return the text of a document, by its path from the root."""
    return (ROOT / name).read_text("utf-8")


def blocks(name: str) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    text = read(name)
    return [
        Block(language=found[1], text=found[2], before=text[: found.start()])
        for found in _FENCE.finditer(text)
    ]


def prose(name: str) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", read(name))


def rows(name: str, heading: str) -> list[list[str]]:
    """Return the cells of the rows of the first table beneath a heading."""
    _, _, rest = read(name).partition(f"## {heading}\n")
    return table(rest.partition("\n## ")[0])


def table(text: str) -> list[list[str]]:
    """Return the cells of the rows of the tables of a text, as if they were one."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def masked(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Replace what differs from start to start in a JSON value by its type."""
    if isinstance(value, dict):
        return {
            key: type(inner).__name__ if key in _VOLATILE else masked(inner)
            for key, inner in value.items()
        }
    return [masked(inner) for inner in value] if isinstance(value, list) else value


def edits(diff: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, old and new text of each hunk of a diff without line numbers."""
    _, *parts = _HUNK_FILE.split(diff)
    for path, body in zip(parts[::2], parts[1::2], strict=True):
        for hunk in body.split("@@\n")[1:]:
            lines = hunk.strip("\n").splitlines()
            old = "\n".join(line[1:] for line in lines if line[0] != "+")
            new = "\n".join(line[1:] for line in lines if line[0] != "-")
            yield path, old, new


@dataclass(kw_only=True)
class Copy:
    """A copy of the project as it would be cloned, uncommitted changes included."""

    place: Path
    scratch: Path
    port: int
    prometheus_port: int = 9099
    gateway: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, scratch: Path, port: int) -> Copy:
        """Copy every file that git knows or would add."""
        place = scratch / "project"
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, os.fsdecode(names).split("\0")):
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, place / name)
        (scratch / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        (scratch / "variables").touch()
        return cls(place=place, scratch=scratch, port=port)

    def environ(self) -> dict[str, str]:
        """Return an environment that tells where programs and pip's index are, and our port."""
        kept = {name: value for name, value in os.environ.items() if KEPT_NAMES.fullmatch(name)}
        ours = {"PORT": str(self.port), "CURL_HOME": str(self.scratch)}
        return {**kept, "PATH": os.environ["PATH"], **ours}

    def write(self, path: str, text: str) -> None:
        """Write a file of the project anew."""
        (self.place / path).write_text(text, "utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that is in a file once."""
        text = (self.place / path).read_text("utf-8")
        assert text.count(old) == 1, f"{path} has this {text.count(old)} times:\n{old}"
        self.write(path, text.replace(old, new))

    def type_in(self, text: str, *, code: int = 0) -> str:
        """Do what a block of commands says, in one terminal with those before; its output."""
        variables = self.scratch / "variables"
        here = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        here = here.replace("127.0.0.1:9099", f"127.0.0.1:{self.prometheus_port}")
        done = subprocess.run(
            ["/bin/sh", "-c", f"set -ea\n. {variables}\n{here}\nexport -p >{variables}\n"],
            cwd=self.place,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def answer(self, text: str, *, code: int = 0) -> Any:  # noqa: ANN401 - JSON
        """Do what a block says and return its output, which is JSON."""
        return json.loads(self.type_in(text, code=code))

    def answer_like(self, text: str, expected: Any) -> Any:  # noqa: ANN401 - JSON
        """Ask until the answer is the expected one but for what is volatile, or time is up."""
        deadline = time.monotonic() + SETTLING_SECONDS
        code = _REFUSED if expected.get("status") == "failure" else 0
        while masked(found := self.answer(text, code=code)) != masked(expected):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return found

    def start(self, command: str) -> None:
        """Start the gateway with a command, in a session of its own, and wait for its greeting.

        It writes to a terminal, as it does for the reader, whose text is kept as a file.
        """
        ours, its = pty.openpty()
        self._said.touch()
        self.gateway = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=self.place,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        threading.Thread(target=_keep, args=(ours, self._said), daemon=True).start()
        deadline = time.monotonic() + INSTALLING_SECONDS
        while "Ctrl-C stops everything." not in self.said():
            assert self.gateway.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def said(self) -> str:
        """Return what the gateway and its programs have written."""
        return self._said.read_text()

    def stop(self) -> None:
        """Press Ctrl-C and wait until nothing is left of the gateway."""
        assert self.gateway is not None
        os.killpg(self.gateway.pid, signal.SIGINT)
        self.gateway.wait(STOPPING_SECONDS)
        assert self._pids() == [], self.said()
        assert "Stopped." in self.said()

    def clear_away(self) -> None:
        """Kill whatever still runs."""
        if self.gateway is None:
            return
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gateway.wait(STOPPING_SECONDS)

    @property
    def _said(self) -> Path:
        return self.scratch / "said"

    def _pids(self) -> list[int]:
        """Process ids of everything that works in this copy, or was started there."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                in_place = (entry / "cwd").readlink().is_relative_to(self.place)
                ours = os.fsencode(self.place) in (entry / "environ").read_bytes()
                found += [int(entry.name)] if in_place or ours else []
        return found


def _keep(terminal: int, path: Path) -> None:
    """Write what comes from a terminal to a file until nothing is left at its other end."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while some := os.read(terminal, 65_536):
            file.write(some.replace(b"\r\n", b"\n"))
    os.close(terminal)


def do_everything(copy: Copy, name: str) -> None:
    """Do every block of commands in order, and compare each answer that is shown after one."""
    found = blocks(name)
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.language not in ("sh", "console"):
            continue
        if block.text.strip() == RUN:
            copy.start(RUN)
        elif set(block.text.split("\n")) - {""} <= BY_CI:
            assert all(make("--dry-run", line.split()[1]) for line in block.text.splitlines())
        elif after is not None and after.language == "json":
            shown = json.loads(after.text.replace("127.0.0.1:8000", f"127.0.0.1:{copy.port}"))
            answered = copy.answer_like(block.text, shown)
            assert masked(answered) == masked(shown), block.text
        else:
            said = copy.type_in(block.text)
            expected = after.text if after is not None and after.language == "output" else ""
            assert unsaid(copy, said, expected) == [], said


def unsaid(copy: Copy, said: str, expected: str) -> list[str]:
    """List the lines of an expected output that were not said, or out of order; `…` is anything."""
    here = expected.replace("127.0.0.1:8000", f"127.0.0.1:{copy.port}")
    missing, at = [], 0
    for line in here.splitlines():
        pattern = re.escape(line).replace("…", ".*")
        if found := re.compile(f"^{pattern}$", re.MULTILINE).search(said, at):
            at = found.end()
        else:
            missing.append(line)
    return missing


def borrow_packages(copy: Copy) -> None:
    """Let the copy use the packages of this test's Python; the README's test installs its own."""
    venv = copy.place / ".venv"
    if venv.exists():
        venv.rename(venv.with_name(".venv-of-its-own"))
    venv.symlink_to(sys.prefix)


def make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],  # noqa: S607 - as in the documents
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
