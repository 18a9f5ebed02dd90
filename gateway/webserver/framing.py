"""Where the body of a request ends, found as its bytes come in, whatever pieces they come in."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LINE_END: Final = b"\r\n"
HEAD_END: Final = b"\r\n\r\n"

# The longest chunk-size line, and the longest trailer section, that is waited for. No client has a
# use for either; without a bound a peer could have us hold and search text for ever.
MAX_LINE_BYTES: Final = 8190

# What chunk framing may weigh beside the body it carries. One-byte chunks of a 16 MiB body would
# be 17 million size lines to read; this stops after some 200,000.
MAX_FRAMING_BYTES: Final = 1024 * 1024

# RFC 9110 section 5.6.2 and 5.6.4, RFC 9112 section 7.1.1.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_VALUE = rb"(?:" + _TOKEN + rb"|" + _QUOTED + rb")"
_EXTENSION = rb"[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*" + _VALUE + rb")?"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]+)(?:" + _EXTENSION + rb")*")
_TRAILER_LINE = re.compile(rb"(" + _TOKEN + rb"):[\t -~\x80-\xff]*")

# RFC 9110 section 6.5.1: fields that frame, route or authenticate have no place after the body.
_NEVER_TRAILERS = frozenset(
    (b"authorization", b"content-length", b"host", b"te", b"trailer", b"transfer-encoding")
)


class BodyState(enum.StrEnum):
    """How the reading of a body ended; the value is what the application is told."""

    COMPLETE = "complete"
    CUT = "cut"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"


class Body(Protocol):
    """A body being collected from a buffer that the caller extends and lends."""

    state: BodyState | None
    """None while more bytes must come."""

    def take(self, buffer: bytearray) -> None:
        """Look at what came, removing from the front of `buffer` what belongs to this body."""

    def cut(self, buffer: bytearray) -> None:
        """Accept that no more will come: what is there is all there will be."""

    def content(self) -> bytes:
        """Return the bytes collected: nothing at all of a body too large or malformed."""


class SizedBody:
    """A body of declared length: bytes, 0 or more (RFC 9112 section 6.3)."""

    def __init__(self, length: int, *, max_bytes: int) -> None:
        self.state: BodyState | None = BodyState.TOO_LARGE if length > max_bytes else None
        self._length = length
        self._content = b""

    def take(self, buffer: bytearray) -> None:
        """Leave the bytes where they are until the last is there: then one copy is enough."""
        if self.state is None and len(buffer) >= self._length:
            self.state = BodyState.COMPLETE
            self._move(buffer)

    def cut(self, buffer: bytearray) -> None:
        """Keep the part that came."""
        self.state = BodyState.CUT
        self._move(buffer)

    def content(self) -> bytes:
        """Return the body, or the part of it that came; see `Body.content`."""
        return self._content

    def _move(self, buffer: bytearray) -> None:
        with memoryview(buffer) as view:
            self._content = bytes(view[: self._length])
        del buffer[: self._length]


class ChunkedBody:
    """A body in chunks (RFC 9112 section 7.1), decoded; its trailers are checked and dropped."""

    def __init__(self, *, max_bytes: int) -> None:
        self.state: BodyState | None = None
        self._max_bytes = max_bytes
        self._content = bytearray()
        self._framing_bytes = 0
        self._left = 0
        self._element: Callable[[bytearray, int], int] = self._size_line

    def take(self, buffer: bytearray) -> None:
        """Decode as many elements as are whole. A chunk's data may be taken in parts."""
        at, before = 0, -1
        while self.state is None and at != before:
            before = at
            at = self._element(buffer, at)
        del buffer[:at]

    def cut(self, buffer: bytearray) -> None:  # noqa: ARG002 - a body in chunks holds its own bytes
        """Keep the part that came."""
        self.state = BodyState.CUT

    def content(self) -> bytes:
        """Return the decoded body, or the part of it that came; see `Body.content`."""
        whole_or_cut = self.state in (BodyState.COMPLETE, BodyState.CUT)
        return bytes(self._content) if whole_or_cut else b""

    # Each element takes the buffer and where to look, and returns where the next one begins: the
    # same place, if it is not all there yet.

    def _size_line(self, buffer: bytearray, at: int) -> int:
        end = buffer.find(LINE_END, at)
        if end < 0:
            return self._unended(buffer, at, LINE_END)
        line = _SIZE_LINE.fullmatch(buffer, at, end)
        if line is None or end - at > MAX_LINE_BYTES:
            return self._malformed(at)
        self._left = int(line[1], 16)
        self._framing_bytes += end - at + 2 * len(LINE_END)
        if self._framing_bytes > MAX_FRAMING_BYTES:
            return self._malformed(at)
        if len(self._content) + self._left > self._max_bytes:
            self.state = BodyState.TOO_LARGE
        self._element = self._data if self._left else self._trailers
        return end + len(LINE_END)

    def _data(self, buffer: bytearray, at: int) -> int:
        part = buffer[at : at + self._left]
        self._content += part
        self._left -= len(part)
        if not self._left:
            self._element = self._data_end
        return at + len(part)

    def _data_end(self, buffer: bytearray, at: int) -> int:
        found = bytes(buffer[at : at + len(LINE_END)])
        if not LINE_END.startswith(found):
            return self._malformed(at)
        if len(found) < len(LINE_END):
            return at
        self._element = self._size_line
        return at + len(LINE_END)

    def _trailers(self, buffer: bytearray, at: int) -> int:
        if buffer.startswith(LINE_END, at):
            self.state = BodyState.COMPLETE
            return at + len(LINE_END)
        end = buffer.find(HEAD_END, at)
        if end < 0:
            return self._unended(buffer, at, HEAD_END)
        lines = bytes(buffer[at:end]).split(LINE_END)
        if end - at > MAX_LINE_BYTES or not all(map(_is_trailer, lines)):
            return self._malformed(at)
        self.state = BodyState.COMPLETE
        return end + len(HEAD_END)

    def _unended(self, buffer: bytearray, at: int, terminator: bytes) -> int:
        too_long = len(buffer) - at >= MAX_LINE_BYTES + len(terminator)
        return self._malformed(at) if too_long or has_bare_line_feed(buffer, at) else at

    def _malformed(self, at: int) -> int:
        self.state = BodyState.MALFORMED
        return at


def has_bare_line_feed(buffer: bytearray, start: int) -> bool:
    """Tell whether a line from `start` on ends with LF alone: its end would be waited for in vain.

    A CR just before `start` counts, so a buffer can be searched piece by piece.
    """
    return buffer.count(b"\n", start) != buffer.count(LINE_END, max(0, start - 1))


def _is_trailer(line: bytes) -> bool:
    field = _TRAILER_LINE.fullmatch(line)
    return field is not None and field[1].lower() not in _NEVER_TRAILERS
