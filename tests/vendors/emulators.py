"""Emulators of warehouses, in environments of their own, which `make test-vendors` makes."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.stack import until

ROOT: Final = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def running(name: str, launcher: Path, *arguments: str, port: int, log: Path) -> Iterator[None]:
    """Run an emulator's launcher with the Python of its environment, until the port answers."""
    python = ROOT / ".tiers" / name / "bin" / "python"
    assert python.exists(), f"{name} is missing: `make test-vendors` installs it"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [python, launcher, *arguments], stdout=output, stderr=output, cwd=log.parent
        )
    try:
        until(lambda: process.poll() is not None or _answers(port), seconds=60)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
