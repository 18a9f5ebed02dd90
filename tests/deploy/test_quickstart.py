"""docs/quickstart.md: every command of it, in a copy of its own, with a real Prometheus."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.e2e import documents
from tests.e2e.documents import Copy
from tests.stack import free_port

QUICKSTART: Final = "docs/quickstart.md"
# Of the ten minutes; a first installation takes two or three more, and reading takes the rest.
SECONDS: Final = 120.0


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    """Lend a copy of the project; whatever still runs in it afterwards is killed."""
    assert shutil.which("prometheus"), "Prometheus is missing; bin/ci-packages installs it"
    made = Copy.make(tmp_path, free_port())
    made.prometheus_port = free_port()
    yield made
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((made.place / ".data" / "prometheus.pid").read_text()), signal.SIGKILL)
    made.clear_away()
    shutil.rmtree(made.place, ignore_errors=True)


@pytest.mark.timeout(300)
def test_quickstart__every_command_in_a_fresh_clone__does_what_it_says(copy: Copy) -> None:
    began = time.monotonic()
    documents.borrow_packages(copy)
    documents.do_everything(copy, QUICKSTART)
    copy.stop()
    assert time.monotonic() - began < SECONDS
