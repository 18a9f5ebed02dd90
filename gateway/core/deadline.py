"""The moment by which the request in hand must be answered, known wherever time is spent on it."""

from __future__ import annotations

import contextvars
import math
import time

_ends_at: contextvars.ContextVar[float] = contextvars.ContextVar("ends_at", default=math.inf)


def start(ends_at: float = math.inf) -> None:
    """Set the end, on the monotonic clock, for what this thread does from now on."""
    _ends_at.set(ends_at)


def remaining_seconds() -> float:
    """Say how much time is left: infinite without a deadline, negative after it."""
    return _ends_at.get() - time.monotonic()
