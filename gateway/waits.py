"""Calls that wait for something slow: few at once, so that the threads of the web stay free."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from gateway import errors, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of the threads of a web process, one in so many may wait.
SHARE: Final = 4
RETRY_SECONDS: Final = 5
# Where waiting ends by its time alone.
NEVER: Final = threading.Event()


class Waits:
    """The bound of one process."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._waiting = 0

    @classmethod
    def of_threads(cls, threads: int) -> Waits:
        """Bound the waiting calls of a process with so many threads."""
        return cls(max(1, threads // SHARE))

    def take(self) -> bool:
        """Begin to wait unless too many do; `give_back` afterwards."""
        with self._lock:
            free = self._waiting < self._at_once
            self._waiting += free
        return free

    def give_back(self) -> None:
        with self._lock:
            self._waiting -= 1

    @property
    def waiting(self) -> int:
        """How many calls wait now."""
        return self._waiting

    @contextlib.contextmanager
    def place(self) -> Iterator[bool]:
        """Tell the block whether it may wait; where too many do already, it may not."""
        taken = self.take()
        try:
            yield taken
        finally:
            if taken:
                self.give_back()

    @contextlib.contextmanager
    def up_to(self, seconds: float) -> Iterator[float]:
        """Tell the block how long it may wait: not at all where too many calls do already."""
        if not seconds:
            yield 0
            return
        with self.place() as may_wait:
            if not may_wait:
                metrics.unwaited()
            yield seconds if may_wait else 0

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait in the block. Raises errors.Unavailable if too many calls do already."""
        if not self.take():
            raise errors.Unavailable(
                "as many calls as may wait at once are waiting; try again",
                retry_after_seconds=RETRY_SECONDS,
            )
        try:
            yield
        finally:
            self.give_back()
