"""One client's connection: the bytes that came, the request they make, the answer still to go."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import select
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, Self

from gunicorn.http import errors, message
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import IterUnreader

from gateway.webserver import error_responses, framing

if TYPE_CHECKING:
    from gunicorn.config import Config

# Of a peer or of ours: (host, port, …), or the path of a Unix socket.
Address = tuple[Any, ...] | str

NO_BODY: Final = framing.SizedBody(0, max_bytes=0)  # of a connection without a request

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

# What closing does to what the client has not read yet: struct linger of socket(7).
_RESET: Final = struct.pack("ii", 1, 0)
_DELIVER: Final = struct.pack("ii", 0, 0)

# A thread may leave this much of an answer for the main loop to send; beyond it the thread waits
# for the client to read, so a stream of any length is made in constant memory.
MAX_UNSENT_BYTES: Final = 256 * 1024


class Stage(enum.Enum):
    """What a connection waits for."""

    NEW = enum.auto()  # accepted, no byte yet
    IDLE = enum.auto()  # kept open, no byte of a next request yet
    COLLECTING = enum.auto()  # the rest of a request
    ANSWERING = enum.auto()  # the application, in a thread
    FLUSHING = enum.auto()  # the client to read its answer
    LINGERING = enum.auto()  # the client to see our end, and to close
    CLOSED = enum.auto()


class ClientGone(Exception):
    """The client closed, or stopped reading, before it had its answer."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much is read of a request, and how long it may take to send a piece of its answer."""

    cfg: Config
    max_fields: int
    max_line_bytes: int
    max_head_bytes: int
    max_body_bytes: int
    send_stall_seconds: float

    @classmethod
    def of(cls, cfg: Config, *, max_body_bytes: int, send_stall_seconds: float) -> Self:
        """Take over gunicorn's limits on a head, where 0 or less stands for its maximum."""
        fields, field_bytes = cfg.limit_request_fields, cfg.limit_request_field_size
        max_fields = fields if 0 < fields < message.MAX_HEADERS else message.MAX_HEADERS
        max_field_bytes = field_bytes if field_bytes > 0 else message.DEFAULT_MAX_HEADERFIELD_SIZE
        max_line_bytes = min(cfg.limit_request_line, message.MAX_REQUEST_LINE)
        return cls(
            cfg=cfg,
            max_fields=max_fields,
            max_line_bytes=max_line_bytes if max_line_bytes > 0 else message.MAX_REQUEST_LINE,
            max_head_bytes=max_fields * (max_field_bytes + 2) + 4,
            max_body_bytes=max_body_bytes,
            send_stall_seconds=send_stall_seconds,
        )


class Connection:
    """State of one connection. Only the main loop touches it, except while ANSWERING its thread.

    `sendall` is the part of a socket that gunicorn's response needs: an answer goes through it.
    """

    __slots__ = (
        "body",
        "broken",
        "buffer",
        "closing",
        "discarded_bytes",
        "due",
        "eof",
        "expects_continue",
        "held_bytes",
        "limits",
        "line",
        "out",
        "peer",
        "refusal",
        "request",
        "searched",
        "sent",
        "server",
        "sock",
        "stage",
        "started_at",
        "unread",
        "watched",
    )

    def __init__(
        self,
        sock: socket.socket,
        *,
        peer: Address,
        server: Address,
        limits: Limits,
        started_at: float,
    ) -> None:
        self.sock = sock
        self.peer = peer
        self.server = server
        self.limits = limits
        self.stage = Stage.NEW
        self.started_at = started_at  # monotonic seconds, of the request
        self.due = started_at
        self.watched = 0  # the events it is registered for in the poller
        self.buffer = bytearray()
        self.searched = 0  # bytes of the buffer known to hold no end of a head
        self.held_bytes = 0  # received, and not yet answered
        self.line = b""  # of the request, or what there is of it
        self.request: Any = None
        self.expects_continue = False
        self.body: framing.Body = NO_BODY
        self.refusal: error_responses.Refusal | None = None
        self.out = bytearray()
        self.sent = False  # whether any byte of the current answer has left
        self.eof = False
        self.closing = False
        self.broken = False
        self.unread = True  # whether the client may still be sending the request just answered
        self.discarded_bytes = 0  # read after our last answer

    def collect(self) -> bool:
        """Take the request from the buffer; tell whether it is whole, or its fate decided.

        Afterwards either `refusal` is set, or `request` and `body` are.
        """
        if self.request is None and not self._collect_head():
            return self.refusal is not None
        self.body.take(self.buffer)
        if self.body.state is None and self.eof:
            self.body.cut(self.buffer)
        return self.body.state is not None

    def cut(self) -> None:
        """Decide the request with what is there: no more will be waited for."""
        if self.request is None:
            self.line = _first_line(self.buffer)
            self.refusal = _parse_refusal(self) or error_responses.UNFINISHED
        else:
            self.body.cut(self.buffer)

    def ask_for_body(self) -> None:
        """Answer the client's `Expect: 100-continue`, once (RFC 9110 10.1.1). Raises ClientGone."""
        if self.expects_continue:
            self.expects_continue = False
            self.out += CONTINUE
            self.push()
            self.sent = False  # this was not yet the answer

    def close(self) -> None:
        """Close the socket; it is no longer in the poller."""
        with contextlib.suppress(OSError):
            self.sock.close()

    def begin_answer(self) -> None:
        """Have the connection end with an error until all of the answer is sent.

        To a client of HTTP/1.0 a part looks whole otherwise, even if this process is killed.
        """
        if self.request.version < (1, 1):
            self._linger(_RESET)

    def reset(self) -> None:
        """Forget the request that was answered; what followed it stays in the buffer."""
        if self.request is not None and self.request.version < (1, 1):
            self._linger(_DELIVER)
        self.request = self.refusal = None
        self.body = NO_BODY
        self.searched = 0
        self.expects_continue = self.sent = False

    def sendall(self, data: bytes) -> None:
        """Add to the answer and send what the client takes. Its head waits for its first content.

        Raises ClientGone. Blocks only when much is unsent; see MAX_UNSENT_BYTES.
        """
        head_only = not self.sent and not self.out
        self.out += data
        if not head_only:
            self.push()
        while len(self.out) > MAX_UNSENT_BYTES:
            poll = select.poll()
            poll.register(self.sock, select.POLLOUT)
            if not poll.poll(self.limits.send_stall_seconds * 1000):
                raise ClientGone
            self.push()

    def needs_attention(self) -> bool:
        """Tell whether the main loop has to act after the answer, without waiting for bytes."""
        return bool(self.closing or self.broken or self.eof or self.out or self.buffer)

    def push(self) -> None:
        """Send what the client takes now of what is to go. Raises ClientGone."""
        if not self.out:
            return
        try:
            count = self.sock.send(self.out)
        except BlockingIOError:
            return
        except OSError as error:
            raise ClientGone from error
        self.sent = self.sent or count > 0
        del self.out[:count]

    def _linger(self, how: bytes) -> None:
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)

    def _collect_head(self) -> bool:
        found = self.buffer.find(framing.HEAD_END, max(0, self.searched - 3))
        if found < 0:
            self._look_at_part()
            return False
        end = found + len(framing.HEAD_END)
        self.line = _first_line(self.buffer)
        head = bytes(self.buffer[:end])
        del self.buffer[:end]
        try:
            self.request, self.body = _parse(head, self.peer, self.limits)
        except errors.ParseException as error:
            self.refusal = error_responses.from_parser(error)
            return False
        except Exception:  # noqa: BLE001 - whatever the parser trips over, it ends this request only
            self.refusal = error_responses.UNREADABLE
            return False
        # Taken over from gunicorn, which would ask for the body when it is already here.
        self.expects_continue = self.request._expected_100_continue  # noqa: SLF001 - no public name
        self.request._expected_100_continue = False  # noqa: SLF001 - as above
        return True

    def _look_at_part(self) -> None:
        searched, self.searched = self.searched, len(self.buffer)
        line_bytes = self.limits.max_line_bytes + 4
        no_line = self.buffer.find(framing.LINE_END, 2, line_bytes) < 0
        if (
            (no_line and len(self.buffer) > line_bytes)
            or len(self.buffer) > self.limits.max_head_bytes
            or framing.has_bare_line_feed(self.buffer, searched)
        ):
            self.line = _first_line(self.buffer)
            self.refusal = _parse_refusal(self) or error_responses.HEAD_TOO_LARGE
        elif self.eof:
            self.cut()


class _Head(message.Request):  # type: ignore[misc]
    """A head as gunicorn reads it; but a second Content-Type, which means nothing, is dropped."""

    def _apply_header_policy(
        self,
        name: str,
        value: str,
        scheme_state: list[bool],
        seen: set[str],
        *rest: Any,  # noqa: ANN401 - passed on as they are
        **named: Any,  # noqa: ANN401 - as above
    ) -> Any:  # noqa: ANN401 - gunicorn is untyped
        if name == "CONTENT-TYPE" and name in seen:
            return None
        return super()._apply_header_policy(name, value, scheme_state, seen, *rest, **named)


def _first_line(head: bytearray) -> bytes:
    end = head.find(framing.LINE_END, 2, framing.MAX_LINE_BYTES)
    return bytes(head[: end if end >= 0 else framing.MAX_LINE_BYTES]).lstrip(framing.LINE_END)


def _parse(head: bytes, peer: Address, limits: Limits) -> tuple[message.Request, framing.Body]:
    """Let gunicorn read a head, and frame the body as gunicorn decided.

    Raises gunicorn's ParseException, or NoMoreData and StopIteration for a head that is no head to
    gunicorn.
    """
    if head.count(framing.LINE_END) > limits.max_fields + 3:
        # gunicorn counts only the fields it keeps, in time that grows with the square of all.
        raise errors.LimitRequestHeaders("limit request headers fields")
    unreader = IterUnreader((head,))
    # Number 2, because only a first request is searched for a PROXY line, which is not our job.
    request = _Head(limits.cfg, unreader, peer, 2)
    if unreader.take_buffered():
        # gunicorn found an earlier end than we did: reading on would be request smuggling.
        raise errors.NoMoreData(None)
    if "close" in _tokens(request, "CONNECTION"):  # gunicorn knows it only by itself
        request.force_close()
    reader = request.body.reader
    if isinstance(reader, ChunkedReader):
        if _tokens(request, "TRANSFER-ENCODING") != ["chunked"]:
            # gunicorn lets others pass, and leaves them to the application.
            raise errors.UnsupportedTransferCoding("not chunked alone")
        return request, framing.ChunkedBody(max_bytes=limits.max_body_bytes)
    return request, framing.SizedBody(reader.length, max_bytes=limits.max_body_bytes)


def _tokens(request: message.Request, name: str) -> list[str]:
    """List what a header says that is a list, in small letters."""
    found = [value for each, value in request.headers if each == name]
    return [token.strip(" \t").lower() for value in found for token in value.split(",")]


def _parse_refusal(connection: Connection) -> error_responses.Refusal | None:
    """Ask gunicorn what is wrong with a part of a head; None if nothing is wrong yet."""
    try:
        _parse(bytes(connection.buffer), connection.peer, connection.limits)
    except errors.ParseException as error:
        return error_responses.from_parser(error)
    except Exception:  # noqa: BLE001 - it stopped for want of more; see also `_collect_head`
        return None
    return error_responses.UNREADABLE
