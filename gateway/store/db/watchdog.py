"""Cuts the socket of a connection when its server has stopped answering.

A frozen server keeps its sockets open and a psycopg2 call on one waits for ever, deaf to signals;
shutting the socket down from another thread is what ends the call, with an ordinary connection
error. One daemon thread per process watches all the connections in use.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

TICK_SECONDS = 0.25


class Watchdog:
    """The deadlines of the connections in use; the thread starts with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[int, float] = {}
        self._process_id: int | None = None

    def watch(self, descriptor: int, limit_seconds: float) -> None:
        """Cut the socket `descriptor` once `limit_seconds` have passed."""
        with self._lock:
            self._ensure_thread()
            self._deadlines[descriptor] = time.monotonic() + limit_seconds

    def release(self, descriptor: int) -> None:
        """Stop watching; after this the descriptor may be reused by anything."""
        with self._lock:
            self._deadlines.pop(descriptor, None)

    def _ensure_thread(self) -> None:
        if self._process_id != os.getpid():  # also after a fork, which threads do not survive
            self._process_id = os.getpid()
            self._deadlines.clear()  # a parent's sockets are its own to cut
            threading.Thread(target=self._run, name="database-watchdog", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            with self._lock:
                now = time.monotonic()
                for descriptor in [d for d, at in self._deadlines.items() if at <= now]:
                    del self._deadlines[descriptor]
                    _cut(descriptor)


def _cut(descriptor: int) -> None:
    """Shut the socket down under the waiting thread, which keeps the descriptor."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as sock:
        sock.shutdown(socket.SHUT_RDWR)


_WATCHDOG = Watchdog()


@contextlib.contextmanager
def guarding(conn: Connection, limit_seconds: float) -> Iterator[None]:
    """Cut the connection's socket if the block takes longer than `limit_seconds`."""
    descriptor = conn.connection.dbapi_connection.fileno()  # type: ignore[union-attr]
    _WATCHDOG.watch(descriptor, limit_seconds)
    try:
        yield
    finally:
        _WATCHDOG.release(descriptor)
