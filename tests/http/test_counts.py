"""Files of counts of web processes: damaged ones are left out, abandoned folders removed."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from gateway import counts
from tests.http import scrape
from tests.stack import ROOT

DECLARED = {"a_total": frozenset({"x"}), "b_bucket": frozenset({"le"})}

# What a web process does: it counts, and is asked for the page.
PROGRAM = """
import os, sys
from gateway import logs, metrics
from gateway.settings import Settings
given = Settings()
logs.configure(level=given.log_level, style=given.log_format, error_hook=None)
metrics.rejected(400)
metrics.answered(route="/", status=200, seconds=0.1)
if sys.argv[1:]:
    os.kill(os.getpid(), 9)
sys.stdout.buffer.write(metrics.page({}))
"""


def page(folder: Path) -> tuple[scrape.Scrape, str]:
    """Be a web process of this folder; returns its page and what it logged."""
    done = run(folder)
    assert done.returncode == 0, done.stderr
    return scrape.parse(done.stdout), done.stderr + done.stdout


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def written(path: Path, *samples: tuple[str, dict[str, str]]) -> Path:
    """Write a file as prometheus_client does."""
    values = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    for name, labels in samples:
        key = mmap_key("family", name, list(labels), list(labels.values()), "help")
        values.write_value(key, 1.0, 0.0)  # type: ignore[no-untyped-call]
    values.close()  # type: ignore[no-untyped-call]
    return path


def entry(key: bytes) -> bytes:
    """Write a file with one entry, whose key is as given."""
    padded = key + b" " * (8 - (len(key) + 4) % 8)
    body = struct.pack("i", len(key)) + padded + struct.pack("dd", 1.0, 0.0)
    return struct.pack("ii", 8 + len(body), 0) + body


def test_counts__of_other_processes__are_in_the_page(tmp_path: Path) -> None:
    assert run(tmp_path, "die").returncode == -9
    found, _ = page(tmp_path)
    assert found.value("gateway_rejected_requests_total", source="unknown", status="400") == 2
    assert found.value("gateway_request_duration_seconds_count", route="/", status="200") == 2
    assert found.value("gateway_damaged_count_files") == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01\x02",
        struct.pack("ii", 2**31 - 1, 0),
        struct.pack("iii", 64, 0, -28) + bytes(52),  # it would lead back, again and again
        struct.pack("iii", 64, 0, 1000) + bytes(52),
        entry(b"no json"),
        entry(b"[1]"),
        entry(json.dumps(["gateway_strange", "gateway_strange_total", {}, "?"]).encode()),
    ],
)
@pytest.mark.parametrize("kind", ["counter", "histogram"])
def test_counts__damaged_file__is_left_out_and_reported(
    tmp_path: Path, kind: str, content: bytes
) -> None:
    (tmp_path / f"{kind}_999999.db").write_bytes(content)
    found, said = page(tmp_path)
    assert found.value("gateway_rejected_requests_total", source="unknown", status="400") == 1
    assert found.value("gateway_damaged_count_files") == 1
    assert f"{kind}_999999.db" in said


def test_sound__file_as_it_is_written__is(tmp_path: Path) -> None:
    path = written(tmp_path / "f", ("a_total", {"x": "é"}), ("b_bucket", {"le": "+Inf"}))
    assert counts.is_sound(path, DECLARED)
    path.write_bytes(bytes(100))  # reserved, and nothing counted yet
    assert counts.is_sound(path, DECLARED)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("a_total", {}),
        ("a_total", {"x": "1", "y": "2"}),
        ("a_total", {"x": "\ud800"}),
        ("b_bucket", {"le": "much"}),
        ("c_total", {"x": "1"}),
    ],
)
def test_sound__sample_that_is_not_declared__is_not(
    tmp_path: Path, name: str, labels: dict[str, str]
) -> None:
    assert not counts.is_sound(written(tmp_path / "f", (name, labels)), DECLARED)


def test_sound__file_that_is_gone__is_not(tmp_path: Path) -> None:
    assert not counts.is_sound(tmp_path / "f", DECLARED)


def test_damaged__file_of_an_earlier_process__is_removed(tmp_path: Path) -> None:
    sound, damaged = written(tmp_path / "sound", ("a_total", {"x": "1"})), tmp_path / "damaged"
    damaged.write_bytes(b"\x01")
    for path in (sound, damaged, tmp_path / "none"):
        counts.remove_damaged(path, DECLARED)
    assert [path.name for path in tmp_path.iterdir()] == ["sound"]


def test_folder__in_use__stays_until_its_last_process_ends(tmp_path: Path) -> None:
    (tmp_path / "counts-other").mkdir()
    owner = counts.claim(tmp_path / "counts-1")
    assert counts.clear(tmp_path, "counts-") == 0
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[owner.fileno()]
    )
    owner.close()
    assert counts.clear(tmp_path, "counts-") == 0
    child.communicate(b"\n")
    assert counts.clear(tmp_path, "counts-") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["counts-other"]
