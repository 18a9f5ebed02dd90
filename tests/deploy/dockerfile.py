"""A Dockerfile read, and its image made in a folder without an engine: what it copies and runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.stack import ROOT

INSTALLING_SECONDS = 150.0

# What an installation needs of this machine, besides PATH: how pip reaches its index.
_KEPT = re.compile(r"PIP_(?!NO_CACHE_DIR)\w+|(https?|no|all)_proxy|SSL_CERT_\w+", re.IGNORECASE)


@dataclass(kw_only=True)
class Stage:
    """One `FROM`: its instructions in order, as words and the rest of their lines."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str:
        """Return what the last of these instructions says."""
        return next(rest for found, rest in reversed(self.steps) if found == word)

    def environ(self) -> dict[str, str]:
        """Return what its ENV lines set."""
        pairs = (pair for word, rest in self.steps if word == "ENV" for pair in shlex.split(rest))
        return dict(pair.split("=", 1) for pair in pairs)


def stages(path: Path) -> list[Stage]:
    """Read a Dockerfile; comments go, continued lines are joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base=base, name=name))
        elif word:
            found[-1].steps.append((word, rest.strip()))
    return found


@dataclass(frozen=True, kw_only=True)
class Image:
    """What the last stage holds, under a folder instead of under `/`."""

    folder: Path
    stage: Stage

    def here(self, text: str) -> str:
        """Write the image's absolute paths as they are under the folder."""
        return re.sub(r"(?<![\w./-])(/opt/|/srv/|/tmp\b)", rf"{self.folder}\1", text)

    @property
    def temporary(self) -> Path:
        """The one folder that has to be writable."""
        return self.folder / "tmp"

    @property
    def workdir(self) -> Path:
        """The folder that everything starts in."""
        return Path(self.here(self.stage.last("WORKDIR")))

    def environ(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a container with these variables added."""
        own = {name: self.here(value) for name, value in self.stage.environ().items()}
        own["PATH"] = own["PATH"].replace("$PATH", os.environ["PATH"])
        return {**own, "TMPDIR": str(self.temporary), **more}

    def command(self, word: str) -> list[str]:
        """Return a command in JSON: of CMD, or of `HEALTHCHECK … CMD`."""
        rest = self.stage.last(word)
        words: list[str] = json.loads(rest[rest.index("[") :])
        return words


def build(path: Path, folder: Path) -> Image:
    """Do what a Dockerfile says, all stages in one tree: they use the same paths for the same."""
    found = stages(path)
    Image(folder=folder, stage=found[-1]).temporary.mkdir(parents=True)
    for number, stage in enumerate(found):
        _run(Image(folder=folder, stage=stage), earlier={one.name for one in found[:number]})
    return Image(folder=folder, stage=found[-1])


def _run(image: Image, *, earlier: set[str]) -> None:
    for word, rest in image.stage.steps:
        if word == "WORKDIR":
            image.workdir.mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            _copy(image, shlex.split(rest), earlier)
        elif word == "RUN":
            _shell(image, rest)


def _copy(image: Image, words: Sequence[str], earlier: set[str]) -> None:
    """Copy from the project, or see that what is copied from an earlier stage is there."""
    if words[0].startswith("--from="):
        assert words[0].removeprefix("--from=") in earlier
        assert words[1] == words[2], "the same path in both stages, or scripts in it lose their way"
        assert Path(image.here(words[1])).exists()
        return
    source, target = ROOT / words[0], image.workdir / words[1]
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        into = target / source.name if words[1].endswith("/") else target
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, into)


def _shell(image: Image, command: str) -> None:
    """Run what RUN says, with our Python for the image's and pip's cache to save the download."""
    bin_folder = image.folder / "host"
    bin_folder.mkdir(exist_ok=True)
    python = bin_folder / "python"
    python.unlink(missing_ok=True)
    python.symlink_to(Path(sys.executable).resolve())
    stage = {
        name: value for name, value in image.stage.environ().items() if name != "PIP_NO_CACHE_DIR"
    }
    kept = {
        name: value for name, value in os.environ.items() if _KEPT.fullmatch(name) or name == "HOME"
    }
    subprocess.run(
        ["/bin/sh", "-euc", image.here(command)],
        cwd=image.workdir,
        env={**kept, **stage, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
        timeout=INSTALLING_SECONDS,
        check=True,
    )
