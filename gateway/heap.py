"""What a process loads when it starts stays until it ends; the collector need not look at it."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def for_good() -> Iterator[None]:
    """Load code that stays: the garbage collector rests meanwhile, and then leaves it alone.

    Two hundred thousand containers come with the code of a worker. Looking through them, again
    and again, is a third of the processor time of a start and an end (docs/decisions.md).
    """
    rested = not gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if not rested:
            gc.enable()
