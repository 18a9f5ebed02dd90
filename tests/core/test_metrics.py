"""Counts that several processes share, and what happens where they cannot be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gateway import metrics
from tests.http import scrape

ROOT = Path(__file__).resolve().parent.parent.parent

COUNT = """
from gateway import metrics
for _ in range(3):
    metrics.rejected(401)
    metrics.answered(route="/a", status=200, seconds=0.3)
with metrics.accepting():
    pass
"""

SHOW = (
    COUNT
    + """
import sys
sys.stdout.buffer.write(metrics.page({}))
"""
)

# A limit on the size of files stands for a disk that is full.
FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
"""


def run(code: str, folder: Path | None) -> str:
    """Run a process that counts, in a folder if there is one, and return what it shows."""
    environ = {name: value for name, value in os.environ.items() if name != metrics.FOLDER_NAME}
    if folder is not None:
        environ[metrics.FOLDER_NAME] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_counts__of_several_processes__add_up_also_after_their_end(tmp_path: Path) -> None:
    for _ in range(2):
        run(COUNT, tmp_path / "counts")
    page = scrape.parse(run(SHOW, tmp_path / "counts"))
    assert page.value("gateway_rejected_requests_total", source="unknown", status="401") == 9
    assert page.value("gateway_rejected_requests_total", source="unknown", status="429") == 0
    assert page.value("gateway_accept_duration_seconds_count") == 3
    name, labels = "gateway_request_duration_seconds", {"route": "/a", "status": "200"}
    assert page.value(f"{name}_count", **labels) == 9
    assert page.value(f"{name}_bucket", **labels, le="0.5") == 9
    assert page.value(f"{name}_bucket", **labels, le="0.1") == 0
    assert not [found for found in page.names() if found.endswith("_created")]


def test_counts__of_one_process_without_a_folder__are_shown() -> None:
    page = scrape.parse(run(SHOW, None))
    assert page.value("gateway_rejected_requests_total", source="unknown", status="401") == 3
    assert not [found for found in page.names() if found.endswith("_created")]


def test_files__of_a_process__have_their_room_on_disk_from_the_start(tmp_path: Path) -> None:
    run(COUNT, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert [path.name.split("_")[0] for path in files] == ["counter", "histogram"]
    for path in files:
        assert path.stat().st_blocks * 512 >= metrics.RESERVED_BYTES


def test_counting__disk_full__counts_nothing_and_harms_nobody(tmp_path: Path) -> None:
    page = scrape.parse(run(FULL + SHOW, tmp_path))
    assert page.value("gateway_rejected_requests_total", source="unknown", status="401") is None
    assert "gateway_rejected_requests_total" in page.kinds
    assert list(tmp_path.iterdir()) == []
