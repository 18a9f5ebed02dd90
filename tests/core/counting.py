"""How often the expensive hash of passwords is computed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def counting_scrypt() -> Iterator[list[str]]:
    """Collect the calls of scrypt that this thread makes."""
    calls: list[str] = []

    def note(_frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and getattr(called, "__name__", "") == "scrypt":
            calls.append(event)

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
