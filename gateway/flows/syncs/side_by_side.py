"""Work on several leases side by side, each in a thread of its own."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import TYPE_CHECKING, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_Given = TypeVarTuple("_Given")


class SideBySide:
    """Works on so many things at once; `ended` is set once they are to end at their next step."""

    def __init__(self, at_once: int, name: str) -> None:
        """`name` is what the threads are called."""
        self.ended = threading.Event()
        self._at_once = at_once
        self._threads = concurrent.futures.ThreadPoolExecutor(at_once, name)
        self._running: set[concurrent.futures.Future[None]] = set()

    def room(self) -> int:
        """Count how much more may begin now."""
        self._running = {one for one in self._running if not one.done()}
        return self._at_once - len(self._running)

    def begin(self, work: Callable[[*_Given], None], *given: *_Given) -> None:
        """Begin with something, for which there is room."""
        self._running.add(self._threads.submit(work, *given))

    def wait(self) -> None:
        """Wait until everything that was begun has ended; raises what it did."""
        concurrent.futures.wait(self._running)
        for one in self._running:
            one.result()

    def close(self) -> None:
        """Let what was begun end at its next step, and wait for that."""
        self.ended.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
