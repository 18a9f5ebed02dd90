"""Routes by the path as it was sent, so that an id may hold a slash or be two dots.

Werkzeug routes by a path that the server has decoded already, where `a%2Fb` is two segments. Here
routing sees the encoded path, and each variable of a route (`<raw:member_id>`) is decoded alone.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import BadRequest
from werkzeug.routing import BaseConverter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask


# Every character that ASCII has; the others are bytes that a client did not encode.
_ASCII: Final = "".join(map(chr, range(128)))


class RawConverter(BaseConverter):
    """One segment of the encoded path, decoded as strict UTF-8."""

    part_isolating = True

    def to_python(self, value: str) -> str:
        """Decode a segment. Raises BadRequest, so that the dialect of the path says so."""
        try:
            decoded = urllib.parse.unquote(value, encoding="utf-8", errors="strict")
        except UnicodeDecodeError as error:
            raise BadRequest("the path is not percent-encoded UTF-8") from error
        if "\x00" in decoded:
            raise BadRequest("the path holds %00, which no id does")
        return decoded


class NumberConverter(RawConverter):
    """A segment of digits: beside it a path may have a word of its own in this place."""

    regex = "[0-9]+"


class RestConverter(BaseConverter):
    """What is left of the path, whatever it is: nothing, several segments, empty ones."""

    regex = ".*?"
    part_isolating = False
    weight = 300  # tried last; Werkzeug's `path` has 200


class RawPath:
    """WSGI middleware that puts the path back as it was sent."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        return self._application(environ | {"PATH_INFO": encoded_path(environ)}, start_response)


def encoded_path(environ: dict[str, Any]) -> str:
    """Return the path below the mount point, percent-encoded, in ASCII.

    gunicorn and Werkzeug tell the sent target as `RAW_URI`, with or without scheme and host
    (RFC 9112 3.2); under another server the decoded path is encoded again, which loses `%2F`.
    """
    target = environ.get("RAW_URI", "").partition("?")[0].partition("#")[0]
    if target and not target.startswith("/"):
        target = "/" + target.partition("://")[2].partition("/")[2]
    mount = environ.get("SCRIPT_NAME", "")
    if not target.startswith(mount + "/"):
        return urllib.parse.quote(environ.get("PATH_INFO", "").encode("latin-1"))
    path = target[len(mount) :]
    return path if path.isascii() else urllib.parse.quote(path.encode("latin-1"), safe=_ASCII)


def install(app: Flask) -> None:
    """Route an application by raw paths, with the converters `raw`, `number` and `rest`."""
    app.url_map.converters["raw"] = RawConverter
    app.url_map.converters["number"] = NumberConverter
    app.url_map.converters["rest"] = RestConverter
    app.url_map.merge_slashes = False
    app.wsgi_app = RawPath(app.wsgi_app)  # type: ignore[method-assign]
