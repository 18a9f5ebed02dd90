"""What has to be so before a version is released, and that one that is not is refused by name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import __version__
from tests.e2e.documents import Copy

CHANGELOG, PAGE = "CHANGELOG.md", "docs/compatibility.md"
CHART = "deploy/helm/cohort-gateway/Chart.yaml"
NEWER = "99.0.0"


def git(place: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=place, capture_output=True, check=True)  # noqa: S607


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Make a repository that is ready to be released."""
    made = Copy.make(tmp_path_factory.mktemp("release"), 1)
    changelog = (made.place / CHANGELOG).read_text("utf-8")
    newest = next(line for line in changelog.splitlines() if line.startswith("## "))
    made.edit(CHANGELOG, newest, f"## {__version__}, 2026-01-02")
    page = (made.place / PAGE).read_text("utf-8")
    made.write(PAGE, re.sub(r"Cohort Gateway \d\S*", f"Cohort Gateway {__version__}", page))
    git(made.place, "init", "--quiet")
    git(made.place, "add", "--all")
    git(made.place, "commit", "--quiet", "--message", "Everything")
    return made


@pytest.fixture
def repository(ready: Copy) -> Iterator[Copy]:
    """Lend the repository, and undo what a test did to it."""
    yield ready
    git(ready.place, "reset", "--quiet", "--hard")
    git(ready.place, "clean", "--quiet", "--force")


def refusals(copy: Copy) -> list[str]:
    """Run the quick half of the check, and return what it refuses."""
    done = subprocess.run(
        [copy.place / "bin" / "release-check", "--quick"],
        cwd=copy.place,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stderr.splitlines() if line.startswith("Not ready: ")]
    assert done.returncode == (1 if found else 0), done.stdout + done.stderr
    return found


def test_release__of_a_repository_in_order__is_ready(repository: Copy) -> None:
    assert refusals(repository) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "says"),
    [
        (CHANGELOG, ", 2026-01-02", ", unreleased", "CHANGELOG.md begins with"),
        (CHANGELOG, f"## {__version__},", f"## {NEWER},", "CHANGELOG.md begins with"),
        (CHART, f'appVersion: "{__version__}"', f'appVersion: "{NEWER}"', "another version"),
        (PAGE, f"Cohort Gateway {__version__} ", f"Cohort Gateway {NEWER} ", "'make matrix'"),
    ],
)
def test_release__of_what_names_another_version__is_refused(
    repository: Copy, path: str, old: str, new: str, says: str
) -> None:
    repository.edit(path, old, new)
    named, dirty = refusals(repository)
    assert says in named
    assert "not committed" in dirty


def test_release__of_a_version_that_is_none__is_refused_with_all_that_differs(
    repository: Copy,
) -> None:
    repository.edit("gateway/__init__.py", f'"{__version__}"', '"1.0"')
    assert len(refusals(repository)) == 5


def test_release__of_a_version_that_was_released__is_refused(repository: Copy) -> None:
    git(repository.place, "tag", f"v{__version__}")
    try:
        (found,) = refusals(repository)
    finally:
        git(repository.place, "tag", "--delete", f"v{__version__}")
    assert f"the tag v{__version__}" in found


def test_release__with_a_file_that_is_not_committed__is_refused(repository: Copy) -> None:
    repository.write("stray.txt", "")
    (found,) = refusals(repository)
    assert "not committed" in found
