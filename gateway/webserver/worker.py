"""A gunicorn thread worker; its main loop collects each request before a thread sees it."""

from __future__ import annotations

import contextlib
import functools
import selectors
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from gunicorn.errors import ConfigError
from gunicorn.workers.gthread import ThreadWorker

from gateway import metrics
from gateway.webserver import deadlines, dispatch, error_responses, framing, memory
from gateway.webserver.accept_balance import AcceptBalance
from gateway.webserver.connection import ClientGone, Connection, Limits, Stage
from gateway.webserver.threads import Threads

if TYPE_CHECKING:
    from types import FrameType

    from gunicorn.config import Config
    from gunicorn.glogging import Logger

TICK_SECONDS: Final = 0.25
RECEIVE_BYTES: Final = 256 * 1024
MAX_DISCARDED_BYTES: Final = 64 * 1024 * 1024  # read after our last answer

RESTING: Final = frozenset((Stage.IDLE, Stage.LINGERING))
READING: Final = frozenset((Stage.NEW, Stage.IDLE, Stage.COLLECTING, Stage.LINGERING))


class Door(ThreadWorker):  # type: ignore[misc]
    """Collects requests in its main loop, has threads answer them, finishes slow sends itself.

    To the WSGI environ it adds `gateway.body` (a `framing.BodyState`; `wsgi.input` is the raw
    body, de-chunked), `gateway.received_at_monotonic` (seconds), `gateway.ending` (an event, set
    once the worker is to stop) and `gateway.stopping` (whether the request began after that).
    gunicorn's per-request hooks and access log are not run: the application logs requests itself.

    Memory: `max_held_bytes` of requests, and one receive and unsent piece for each connection.
    """

    max_body_bytes: int = 16 * 1024 * 1024
    max_held_bytes: int = 256 * 1024 * 1024
    send_stall_seconds: float = 30.0  # a client that reads nothing for so long is gone

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(*args, **kwargs)
        self.connections: set[Connection] = set()
        self.held_bytes = 0
        self._limits = Limits.of(
            self.cfg,
            max_body_bytes=self.max_body_bytes,
            send_stall_seconds=self.send_stall_seconds,
        )
        self._deadlines = deadlines.Deadlines(
            request=deadlines.request_seconds(),
            keepalive=self.cfg.keepalive,
            graceful=self.cfg.graceful_timeout,
        )
        self._view = memoryview(bytearray(RECEIVE_BYTES))
        self._finished: deque[Connection] = deque()
        self._newcomers = AcceptBalance()
        self._ticked_at = 0.0
        self._ending = threading.Event()

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:
        """Refuse, before anything starts, what this worker does not do."""
        super().check_config(cfg, log)
        deadlines.request_seconds()
        if cfg.is_ssl or cfg.proxy_protocol != "off" or "h2" in cfg.http_protocols:
            raise ConfigError(
                "gateway.webserver speaks plain HTTP/1.1 only; leave the rest to a proxy"
            )
        if cfg.max_requests:
            raise ConfigError("gateway.webserver does not count requests; unset max_requests")

    def get_thread_pool(self) -> Threads:
        """Create the threads; gunicorn calls this in the new process."""
        return Threads(self.cfg.threads, self._answer)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. The time matters: requests that begin later are told so."""
        self._deadlines.stopped_at = min(self._deadlines.stopped_at, time.monotonic())
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Serve until told to stop; then finish what has begun, within graceful_timeout."""
        memory.give_back()
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        while self.alive and self.is_parent_alive():
            closed = self._newcomers.closed_seconds(time.monotonic())
            self.set_accept_enabled(not closed and self.nr_conns < self.worker_connections)
            self._turn(closed or TICK_SECONDS)
        self._begin_stop()
        end = time.monotonic() + self.cfg.graceful_timeout
        while (self._drain_backlog() or self.connections) and time.monotonic() < end:
            self._turn()
        self.tpool.shutdown()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and look at once whether its request is already here."""
        now = time.monotonic()
        at_hand = sum(each.stage not in RESTING for each in self.connections)
        if not self._newcomers.yields(now, at_hand=at_hand):
            self._accept(listener, now)

    # What follows runs in the main loop, except `_answer`.

    def _turn(self, seconds: float = TICK_SECONDS) -> None:
        self._settle_finished()
        self.wait_for_and_dispatch_events(min(seconds, TICK_SECONDS))
        now = time.monotonic()
        if now - self._ticked_at < TICK_SECONDS:
            return
        self._ticked_at = now
        self.notify()
        for connection in [each for each in self.connections if each.due <= now]:
            self._expire(connection)

    def _accept(self, listener: socket.socket, now: float) -> bool:
        try:
            sock, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:
            # Out of descriptors or memory: open connections go on, the others wait outside.
            self.log.warning("accept.failed errno=%s", error.errno)
            self._newcomers.pause(now)
            return False
        sock.setblocking(False)  # noqa: FBT003 - the standard library's
        connection = Connection(
            sock, peer=peer, server=listener.getsockname(), limits=self._limits, started_at=now
        )
        self.connections.add(connection)
        self.nr_conns += 1
        self._enter(connection, Stage.NEW, now)
        self._on_readable(connection, sock)
        return True

    def _begin_stop(self) -> None:
        self.alive = False
        self._ending.set()  # not in the signal's handler: that could meet its lock taken
        self.set_accept_enabled(False)
        self._deadlines.stopped_at = min(self._deadlines.stopped_at, time.monotonic())
        for connection in self.connections:
            connection.due = min(connection.due, self._deadlines.latest(connection.stage))

    def _drain_backlog(self) -> bool:
        """Accept what came before the order to stop; tell whether some still wait."""
        for listener in list(self.sockets):
            listener.setblocking(False)  # noqa: FBT003 - the standard library's
            while self.nr_conns < self.worker_connections and listener in self.sockets:
                if not self._accept(listener, self._deadlines.stopped_at):
                    self.sockets.remove(listener)
                    listener.close()
        return bool(self.sockets)

    def _enter(self, connection: Connection, stage: Stage, now: float) -> None:
        connection.stage = stage
        connection.due = self._deadlines.due(connection, now)

    def _watch(self, connection: Connection, events: int) -> None:
        """Be told by the poller of these events; 0 for none."""
        if connection.watched == events:
            return
        if events:
            on_event = self._on_readable if events == selectors.EVENT_READ else self._on_writable
            change = self.poller.modify if connection.watched else self.poller.register
            change(connection.sock, events, functools.partial(on_event, connection))
        else:
            self.poller.unregister(connection.sock)
        connection.watched = events

    def _on_readable(self, connection: Connection, _sock: socket.socket) -> None:
        if connection.stage is Stage.ANSWERING:
            self._settle_finished()
        if connection.stage not in READING:
            if connection.stage is Stage.ANSWERING:
                # The client is ahead of its answer. It is read again when that is sent.
                self._watch(connection, 0)
            return
        try:
            count = connection.sock.recv_into(self._view)
        except BlockingIOError:
            self._watch(connection, selectors.EVENT_READ)
        except OSError:
            self._drop(connection)
        else:
            connection.eof = not count
            if connection.stage is Stage.LINGERING:
                self._discard(connection, count)
            else:
                self._keep(connection, count)

    def _on_writable(self, connection: Connection, _sock: socket.socket) -> None:
        if connection.stage is Stage.FLUSHING:
            self._flush(connection)

    def _discard(self, connection: Connection, count: int) -> None:
        connection.discarded_bytes += count
        if connection.eof or connection.discarded_bytes > MAX_DISCARDED_BYTES:
            self._drop(connection)

    def _keep(self, connection: Connection, count: int) -> None:
        connection.buffer += self._view[:count]
        connection.held_bytes += count
        self.held_bytes += count
        self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Go on with the request a connection is at, after bytes or the end of them came."""
        if connection.stage is not Stage.COLLECTING and not self._begin(connection):
            return
        if connection.collect():
            self._hand_over(connection)
        elif self.held_bytes > self.max_held_bytes:
            self._refuse(connection, error_responses.FULL)
        else:
            self._watch(connection, selectors.EVENT_READ)
            with contextlib.suppress(ClientGone):  # the next read will tell
                connection.ask_for_body()

    def _begin(self, connection: Connection) -> bool:
        if connection.stage is Stage.IDLE and connection.buffer == framing.LINE_END:
            connection.buffer.clear()  # an empty line is no request (RFC 9112 section 2.2)
            self._release(connection)
        if not connection.buffer:
            if connection.eof:
                self._drop(connection)
            else:
                self._watch(connection, selectors.EVENT_READ)
            return False
        if connection.stage is Stage.IDLE:
            connection.started_at = time.monotonic()
        self._enter(connection, Stage.COLLECTING, connection.started_at)
        return True

    def _hand_over(self, connection: Connection) -> None:
        if connection.refusal is not None:
            self._refuse(connection, connection.refusal)
            return
        self._enter(connection, Stage.ANSWERING, connection.started_at)
        self.tpool.put(connection)

    def _answer(self, connection: Connection) -> None:
        """Answer a request, in a thread, and wake the main loop if it must act on that."""
        dispatch.answer(
            connection,
            self.wsgi,
            self.cfg,
            stopping=connection.started_at > self._deadlines.stopped_at,
            ending=self._ending,
            must_close=lambda: self._must_close(connection),
        )
        self._finished.append(connection)
        # Mostly nothing is to be done until the next bytes come, which wake the main loop anyway:
        # a wake-up for each answer would cost more than a small answer does. The main loop clears
        # `watched` before it looks at `_finished`, and here it is the other way round, so one of
        # the two always notices the other.
        if not connection.watched or connection.needs_attention():
            self.method_queue.defer(lambda: None)

    def _must_close(self, connection: Connection) -> bool:
        """Tell, when an answer begins, whether it is the last on its connection."""
        if self.nr_conns >= self.worker_connections or not self.cfg.keepalive:
            return True
        # What a client has sent already is answered, also while stopping.
        return not self.alive and not connection.buffer

    def _settle_finished(self) -> None:
        while self._finished:
            connection = self._finished.popleft()
            self._release(connection)
            if connection.broken:
                self._drop(connection)
            else:
                self._flush(connection)

    def _refuse(self, connection: Connection, refusal: error_responses.Refusal) -> None:
        self.log.info("request.refused status=%s cause=%s", refusal.code.value, refusal.cause)
        metrics.rejected(refusal.code.value)
        connection.out += refusal.to_bytes(connection.line)
        connection.closing = connection.unread = True
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        """Send what is left of an answer; once all is sent, go on to what comes after it."""
        try:
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
        """Close our side, and read on for a while (RFC 9112 section 9.6).

        Closing with bytes unread resets the connection, and the client could lose our answer.
        """
        connection.reset()
        connection.buffer.clear()
        self._release(connection)
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            connection.eof = True
        if connection.eof:
            self._drop(connection)
            return
        self._enter(connection, Stage.LINGERING, now)
        self._watch(connection, selectors.EVENT_READ)

    def _expire(self, connection: Connection) -> None:
        if connection.stage is Stage.COLLECTING:
            connection.cut()
            self._hand_over(connection)
        else:
            self._drop(connection)

    def _release(self, connection: Connection) -> None:
        """Count only what is in the buffer as held."""
        before, connection.held_bytes = connection.held_bytes, len(connection.buffer)
        self.held_bytes += connection.held_bytes - before

    def _drop(self, connection: Connection) -> None:
        self._watch(connection, 0)
        connection.stage = Stage.CLOSED
        connection.buffer.clear()
        self._release(connection)
        self.connections.remove(connection)
        self.nr_conns -= 1
        connection.close()
