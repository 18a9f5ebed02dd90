"""Memory of a process that now and then holds a large request: free memory goes back at once."""

from __future__ import annotations

import ctypes
from typing import Final

# mallopt(3). glibc raises its own threshold to the largest block that was ever freed, and keeps
# such blocks for the thread that freed them: after some pages of 16 MiB a process would stay at
# hundreds of megabytes for ever.
_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 512 * 1024


def give_back() -> None:
    """Have each large block be a mapping of its own; other allocators than glibc's are left."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
