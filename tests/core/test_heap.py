"""What is loaded for good is left alone by the garbage collector, whatever loading comes to."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import heap

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_heap__while_code_loads__the_collector_rests() -> None:
    with heap.for_good():
        assert not gc.isenabled()
        kept: list[list[int]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(kept)


def test_heap__what_comes_afterwards__is_collected() -> None:
    with heap.for_good():
        pass
    frozen = gc.get_freeze_count()
    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() > 0
    assert gc.get_freeze_count() == frozen


def test_heap__code_that_cannot_be_loaded__leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), heap.for_good():
        raise ImportError
    assert gc.isenabled()


def test_heap__collector_off_before__stays_off() -> None:
    gc.disable()
    with heap.for_good():
        pass
    assert not gc.isenabled()


@pytest.mark.parametrize(
    "start",
    ["import workers.__main__", "from gateway.__main__ import cli; cli.get_command(None, 'key')"],
)
def test_heap__of_a_program__is_kept_for_good(start: str) -> None:
    words = [sys.executable, "-c", f"{start}; import gc; print(gc.get_freeze_count())"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50_000
