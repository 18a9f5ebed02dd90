"""The whole body of a request, or a reason why there is none."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from gateway import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

_GZIP = 16 + zlib.MAX_WBITS
_PLAIN = ("", "identity")
_GZIPPED = ("gzip", "x-gzip")  # one thing under two names (RFC 9110 section 8.4.1.3)
# Each is inflated by itself and the rest copied: a body of empty ones would take minutes.
_MOST_GZIP_MEMBERS = 300


def read(environ: Mapping[str, Any], *, max_bytes: int) -> bytes:
    """Read and, if need be, inflate a body.

    `gateway.body` in the environ is the front door's word on whether the body came to its end;
    without it the length is compared here. Raises errors.Unavailable if the body was cut,
    errors.TooLarge, and errors.Malformed if it is badly framed or encoded in another way than gzip.
    """
    raw = environ["wsgi.input"].read(max_bytes + 1)
    fate = environ.get("gateway.body") or _fate(environ, raw, max_bytes)
    if fate == "cut":
        message = "the body did not come to its end in time; send it again"
        raise errors.Unavailable(message, retry_after_seconds=1)
    if fate == "too_large" or len(raw) > max_bytes:
        raise _too_large(max_bytes)
    if fate == "malformed":
        message = "the body's chunks are badly framed; send valid chunks or a Content-Length"
        raise errors.Malformed(message)
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding in _PLAIN or not raw:
        return bytes(raw)
    if encoding not in _GZIPPED:
        message = "Content-Encoding: only gzip is taken; send the body plain or gzipped"
        raise errors.Malformed(message)
    return _inflate(raw, max_bytes)


def _fate(environ: Mapping[str, Any], raw: bytes, max_bytes: int) -> str:
    declared = int(environ.get("CONTENT_LENGTH") or len(raw))
    if declared > max_bytes:
        return "too_large"
    return "cut" if len(raw) < declared else "complete"


def _inflate(raw: bytes, max_bytes: int) -> bytes:
    """Inflate one or more gzip members, never holding more than the limit."""
    inflated = bytearray()
    rest = raw
    for _ in range(_MOST_GZIP_MEMBERS):
        stream = zlib.decompressobj(_GZIP)
        try:
            inflated += stream.decompress(rest, max_bytes + 1 - len(inflated))
        except zlib.error as error:
            message = "the body is not gzip, though Content-Encoding says so; send valid gzip"
            raise errors.Malformed(message) from error
        if len(inflated) > max_bytes:
            raise _too_large(max_bytes)
        if not stream.eof:
            message = "the gzip body did not come to its end; send it again"
            raise errors.Unavailable(message, retry_after_seconds=1)
        rest = stream.unused_data.lstrip(b"\0")
        if not rest:
            return bytes(inflated)
    message = f"the body is more than {_MOST_GZIP_MEMBERS} gzip members; send it as one"
    raise errors.Malformed(message)


def _too_large(max_bytes: int) -> errors.TooLarge:
    return errors.TooLarge(f"the body is larger than {max_bytes} bytes; send less at once")
