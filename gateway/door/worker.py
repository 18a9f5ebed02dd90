"""A gunicorn thread worker whose main loop collects each request before a thread sees it."""

import contextlib
import functools
import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from gunicorn.errors import ConfigError
from gunicorn.workers.gthread import ThreadWorker

from gateway.core import framing
from gateway.door import answering, refusals
from gateway.door.connection import (
    SEND_STALL_SECONDS,
    ClientGone,
    Connection,
    Limits,
    Stage,
)

TICK_SECONDS: Final = 0.25
RECEIVE_BYTES: Final = 256 * 1024

# After our last answer the client may take this long to close; more, if it may still be sending.
LINGER_SECONDS: Final = 2.0
MAX_DISCARDED_BYTES: Final = 64 * 1024 * 1024

# A stopping worker keeps kept connections open this long, for a request that is on its way.
STOP_IDLE_SECONDS: Final = 1.0
# The part of gunicorn's graceful_timeout in which requests may still come in; the rest is left
# for answering them.
STOP_COLLECTING_SHARE: Final = 2 / 3

# After accepting failed (no descriptors, no memory), how long until the next attempt.
ACCEPT_PAUSE_SECONDS: Final = 1.0


class Crew:
    """The threads that answer: daemons, so that a stuck one never keeps the process from ending."""

    def __init__(self, size: int, work: Callable[[Connection], None]) -> None:
        self._queue: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        self._size = size
        self._work = work
        for number in range(size):
            threading.Thread(target=self._run, name=f"answer-{number}", daemon=True).start()

    def put(self, connection: Connection) -> None:
        """Have the request of this connection answered by the next free thread."""
        self._queue.put(connection)

    def shutdown(self, *, wait: bool = False) -> None:  # noqa: ARG002 - gunicorn passes it
        """Let each thread end once it is free."""
        for _ in range(self._size):
            self._queue.put(None)

    def _run(self) -> None:
        while (connection := self._queue.get()) is not None:
            self._work(connection)


class Door(ThreadWorker):  # type: ignore[misc] # gunicorn is untyped
    """See docs/decisions.md and the tests for what it promises; the numbers are here.

    To the WSGI environ it adds `gateway.body` (a `framing.BodyState`; `wsgi.input` holds the raw
    body, de-chunked), `gateway.received_at_monotonic` (seconds) and `gateway.stopping`. Per-request
    hooks and the access log of gunicorn are not run: the application has its own.

    Memory: at most `max_held_bytes` of unanswered requests in a process, and RECEIVE_BYTES and one
    head more for each of at most `worker_connections` connections.
    """

    max_body_bytes: int = 16 * 1024 * 1024
    max_held_bytes: int = 256 * 1024 * 1024

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - gunicorn's own
        super().__init__(*args, **kwargs)
        self.deadline_seconds = float(os.environ.get("GATEWAY_REQUEST_DEADLINE_SECONDS", "10"))
        self.connections: set[Connection] = set()
        self.held_bytes = 0
        self.stopped_at = float("inf")
        self.limits = _limits(self.cfg, self.max_body_bytes)
        self._finished: deque[Connection] = deque()
        self._view = memoryview(bytearray(RECEIVE_BYTES))
        self._accept_at = 0.0
        self._ticked_at = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:  # noqa: ANN401 - gunicorn's own
        """Refuse what this worker does not do: it must not be missing in silence."""
        super().check_config(cfg, log)
        if cfg.is_ssl or cfg.proxy_protocol != "off" or "h2" in cfg.http_protocols:
            raise ConfigError("gateway.door speaks plain HTTP/1.1: leave the rest to a proxy")

    def get_thread_pool(self) -> Crew:
        """Create the threads; called in the worker process."""
        return Crew(self.cfg.threads, self._answer)

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ANN401 - gunicorn's own
        """Begin to stop: requests that begin from now on are told so."""
        self.stopped_at = min(self.stopped_at, time.monotonic())
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Serve until told to stop; then answer what has begun, within graceful_timeout."""
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        while self.alive and self.is_parent_alive():
            ready = time.monotonic() >= self._accept_at
            self.set_accept_enabled(ready and self.nr_conns < self.worker_connections)
            self._turn()
        self._begin_stop()
        end = time.monotonic() + self.cfg.graceful_timeout
        while self.connections and time.monotonic() < end:
            self._turn()
        for connection in list(self.connections):
            self._drop(connection)
        self.tpool.shutdown()

    # What follows runs in the main loop, except `_answer`.

    def _turn(self) -> None:
        while self._finished:
            self._settle(self._finished.popleft())
        self.wait_for_and_dispatch_events(TICK_SECONDS)
        now = time.monotonic()
        if now - self._ticked_at < TICK_SECONDS:
            return
        self._ticked_at = now
        self.notify()
        for connection in [each for each in self.connections if each.due <= now]:
            self._expire(connection)

    def accept(self, listener: Any) -> None:  # noqa: ANN401 - gunicorn's own
        """Accept a connection and look whether its request is already here."""
        self._accept(listener, time.monotonic())

    def _accept(self, listener: Any, now: float) -> bool:  # noqa: ANN401 - gunicorn's own
        try:
            sock, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:
            self.log.warning("accept.failed errno=%s", error.errno)
            self._accept_at = now + ACCEPT_PAUSE_SECONDS
            return False
        sock.setblocking(False)
        connection = Connection(sock, peer, listener.getsockname(), now)
        self.connections.add(connection)
        self.nr_conns += 1
        self._enter(connection, Stage.NEW, now)
        self._on_readable(connection, sock)
        return True

    def _begin_stop(self) -> None:
        now = time.monotonic()
        self.set_accept_enabled(False)
        for listener in self.sockets:
            # Clients in the backlog connected before we stopped: they are served as such.
            while self.nr_conns < self.worker_connections and self._accept(listener, now):
                pass
            listener.close()
        self.stopped_at = min(self.stopped_at, now)
        for connection in self.connections:
            connection.due = min(connection.due, self._latest(connection.stage))

    def _enter(self, connection: Connection, stage: Stage, now: float) -> None:
        connection.stage = stage
        if stage in (Stage.NEW, Stage.COLLECTING):
            due = connection.started_at + self.deadline_seconds
        elif stage is Stage.IDLE:
            due = now + self.cfg.keepalive
        elif stage is Stage.FLUSHING:
            due = now + SEND_STALL_SECONDS
        elif stage is Stage.LINGERING:
            due = now + LINGER_SECONDS
            if connection.unread:
                due = max(due, connection.started_at + self.deadline_seconds)
        else:
            due = float("inf")
        connection.due = min(due, self._latest(stage))

    def _latest(self, stage: Stage) -> float:
        if stage in (Stage.NEW, Stage.IDLE):
            return self.stopped_at + STOP_IDLE_SECONDS
        if stage is Stage.COLLECTING:
            return self.stopped_at + self.cfg.graceful_timeout * STOP_COLLECTING_SHARE
        return float("inf")

    def _watch(self, connection: Connection, events: int) -> None:
        """Register a connection for these events in the poller; 0 for none."""
        if connection.watched == events:
            return
        if not events:
            self.poller.unregister(connection.sock)
        else:
            on_event = self._on_readable if events == selectors.EVENT_READ else self._on_writable
            change = self.poller.modify if connection.watched else self.poller.register
            change(connection.sock, events, functools.partial(on_event, connection))
        connection.watched = events

    def _on_readable(self, connection: Connection, _sock: Any) -> None:  # noqa: ANN401 - gunicorn's own
        if connection.stage is Stage.ANSWERING:
            # The client is ahead of its answer: let it wait, until `_settle` looks again.
            self._watch(connection, 0)
            return
        try:
            count = connection.sock.recv_into(self._view)
        except BlockingIOError:
            self._watch(connection, selectors.EVENT_READ)
            return
        except OSError:
            self._drop(connection)
            return
        connection.eof = not count
        if connection.stage is Stage.LINGERING:
            connection.discarded_bytes += count
            if connection.eof or connection.discarded_bytes > MAX_DISCARDED_BYTES:
                self._drop(connection)
            return
        connection.buffer += self._view[:count]
        connection.held_bytes += count
        self.held_bytes += count
        self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Go on with the request a connection is at, after bytes or the end of them came."""
        if connection.stage is not Stage.COLLECTING and not self._begin(connection):
            return
        if connection.collect(self.limits):
            self._hand_over(connection)
        elif self.held_bytes > self.max_held_bytes:
            self._refuse(connection, refusals.FULL)
        else:
            self._watch(connection, selectors.EVENT_READ)
            with contextlib.suppress(ClientGone):  # the next read will tell
                connection.ask_for_body()

    def _begin(self, connection: Connection) -> bool:
        if connection.stage is Stage.IDLE and connection.buffer == framing.LINE_END:
            connection.buffer.clear()  # an empty line is no request (RFC 9112 section 2.2)
            self._release(connection)
        if not connection.buffer and connection.eof:
            self._drop(connection)
            return False
        if not connection.buffer:
            self._watch(connection, selectors.EVENT_READ)
            return False
        now = time.monotonic()
        if connection.stage is Stage.IDLE:
            connection.started_at = now
        self._enter(connection, Stage.COLLECTING, now)
        return True

    def _hand_over(self, connection: Connection) -> None:
        if connection.refusal is not None:
            self._refuse(connection, connection.refusal)
            return
        self._enter(connection, Stage.ANSWERING, connection.started_at)
        self.tpool.put(connection)

    def _answer(self, connection: Connection) -> None:
        """Answer a request, in a thread, and tell the main loop if it cannot find out by itself."""
        answering.answer(
            connection,
            self.wsgi,
            self.cfg,
            stopping=connection.started_at > self.stopped_at,
            close=not self.cfg.keepalive
            or (not self.alive and not connection.buffer)
            or self.nr_conns >= self.worker_connections,
        )
        self._finished.append(connection)
        # In the usual case nothing is to do before the next bytes come, and those wake the main
        # loop. It clears `watched` before it looks at `_finished`, and here it is the other way
        # round, so one of the two always notices.
        if (
            not connection.watched
            or connection.closing
            or connection.broken
            or connection.eof
            or connection.out
            or connection.buffer
        ):
            self.method_queue.defer(_wake)

    def _settle(self, connection: Connection) -> None:
        self._release(connection)
        if connection.broken:
            self._drop(connection)
        else:
            self._flush(connection)

    def _refuse(self, connection: Connection, refusal: refusals.Refusal) -> None:
        self.log.info("request.refused status=%s cause=%s", refusal.code.value, refusal.cause)
        connection.out += refusal.to_bytes()
        connection.closing = True
        self._flush(connection)

    def _on_writable(self, connection: Connection, _sock: Any) -> None:  # noqa: ANN401 - gunicorn's own
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        """Send what is left of an answer; once all is sent, go on to what comes after it."""
        try:
            if connection.out:
                connection.push()
        except ClientGone:
            self._drop(connection)
            return
        now = time.monotonic()
        if connection.out:
            self._enter(connection, Stage.FLUSHING, now)
            self._watch(connection, selectors.EVENT_WRITE)
        elif connection.closing:
            self._linger(connection, now)
        else:
            connection.reset()
            self._enter(connection, Stage.IDLE, now)
            self._advance(connection)

    def _linger(self, connection: Connection, now: float) -> None:
        """Close our side, and read on for a while: closing with unread bytes would be a reset.

        The client could lose our answer to it (RFC 9112 section 9.6).
        """
        connection.buffer.clear()
        self._release(connection)
        if not connection.eof:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_WR)
                self._enter(connection, Stage.LINGERING, now)
                self._watch(connection, selectors.EVENT_READ)
                return
        self._drop(connection)

    def _expire(self, connection: Connection) -> None:
        if connection.stage is Stage.COLLECTING:
            connection.cut(self.limits)
            self._hand_over(connection)
        else:
            self._drop(connection)

    def _release(self, connection: Connection) -> None:
        """Count only what is still in the buffer as held."""
        self.held_bytes += len(connection.buffer) - connection.held_bytes
        connection.held_bytes = len(connection.buffer)

    def _drop(self, connection: Connection) -> None:
        self._watch(connection, 0)
        connection.buffer.clear()
        self._release(connection)
        connection.sock.close()
        connection.stage = Stage.CLOSED
        self.connections.remove(connection)
        self.nr_conns -= 1


def _wake() -> None:
    """Do nothing: being called has ended the main loop's wait."""


def _limits(cfg: Any, max_body_bytes: int) -> Limits:  # noqa: ANN401 - gunicorn's own
    """Take over gunicorn's own limits on a head, where 0 or less stands for its maximum."""
    fields = cfg.limit_request_fields if cfg.limit_request_fields > 0 else 32768
    field_bytes = cfg.limit_request_field_size if cfg.limit_request_field_size > 0 else 8190
    line_bytes = cfg.limit_request_line if 0 < cfg.limit_request_line < 8190 else 8190
    return Limits(
        cfg=cfg,
        max_line_bytes=line_bytes,
        max_head_bytes=line_bytes + fields * (field_bytes + 2) + 4,
        max_body_bytes=max_body_bytes,
    )
