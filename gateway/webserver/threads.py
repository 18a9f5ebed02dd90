"""The threads that answer requests, each one whole request at a time."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.webserver.connection import Connection


class Threads:
    """A fixed number of daemon threads: a stuck one never keeps the process from ending."""

    def __init__(self, size: int, answer: Callable[[Connection], None]) -> None:
        self._size = size
        self._answer = answer
        # Not an executor: its futures cost more than the whole hand-over does here.
        self._queue: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        for number in range(size):
            threading.Thread(target=self._run, name=f"answer-{number}", daemon=True).start()

    def put(self, connection: Connection) -> None:
        """Have this connection's request answered by the next free thread."""
        self._queue.put(connection)

    def shutdown(self, *, wait: bool = False) -> None:  # noqa: ARG002 - gunicorn calls it so
        """Let each thread end once it is free."""
        for _ in range(self._size):
            self._queue.put(None)

    def _run(self) -> None:
        while (connection := self._queue.get()) is not None:
            self._answer(connection)
