"""The answers the door gives by itself, when the application cannot be asked."""

from __future__ import annotations

import dataclasses
import json
import re
from http import HTTPStatus
from typing import Final

from gunicorn.http import errors

RETRY_AFTER_SECONDS: Final = 30

# A target under /v1, with or without scheme and host (RFC 9112 section 3.2).
_API: Final = re.compile(rb"(?:[a-zA-Z]+://[^/ ]*)?/v1(?![^/?# ])")

_CODES: Final = {
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
    HTTPStatus.INTERNAL_SERVER_ERROR: "broken",
}


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An answer in the shape of the webhook's own, or of the API's to a path of the API.

    Of the webhook's `action` nothing is ever known here.

    `cause` names the reason for logs; like `message` it never holds a part of the request, which
    may name members. `code` is 400, 500 or 503.
    """

    code: HTTPStatus
    cause: str
    message: str

    def to_bytes(self, line: bytes = b"") -> bytes:
        """Build the whole HTTP answer to a request with that line; then the connection closes."""
        method, _, target = line.partition(b" ")
        media_type, document = self._problem() if _API.match(target) else self._failure()
        body = json.dumps(document).encode()
        head = [
            f"HTTP/1.1 {self.code.value} {self.code.phrase}",
            f"Content-Type: {media_type}",
            f"Content-Length: {len(body)}",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ]
        if self.code == HTTPStatus.SERVICE_UNAVAILABLE:
            head.append(f"Retry-After: {RETRY_AFTER_SECONDS}")
        return "\r\n".join([*head, "", ""]).encode() + (b"" if method == b"HEAD" else body)

    def _failure(self) -> tuple[str, dict[str, object]]:
        error = {"message": self.message, "code": self.code.value}
        return "application/json", {"action": None, "status": "failure", "error": error}

    def _problem(self) -> tuple[str, dict[str, object]]:
        return "application/problem+json", {
            "type": "about:blank",
            "title": self.code.phrase,
            "status": self.code.value,
            "detail": self.message,
            "code": _CODES.get(self.code, "malformed"),
        }


UNFINISHED: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "unfinished_head",
    "The request's headers did not arrive in time or were cut short; send the request again.",
)
FULL: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "out_of_memory_budget",
    "The gateway is receiving too many large requests at once; send this one again later.",
)
BUG: Final = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "bug",
    "The gateway failed on this request; its log says why.",
)
UNREADABLE: Final = Refusal(
    HTTPStatus.BAD_REQUEST,
    "unreadable_head",
    "The request could not be read as HTTP/1.1; send a valid request line and valid headers.",
)
HEAD_TOO_LARGE: Final = Refusal(
    HTTPStatus.BAD_REQUEST,
    "LimitRequestHeaders",
    "The headers are too large or too many; send at most 100 of at most 8,190 bytes each.",
)

_FRAMING = (
    "Content-Length and Transfer-Encoding do not agree on one body; send one Content-Length, or "
    "'Transfer-Encoding: chunked' over HTTP/1.1, never both."
)

# Most special first: some of these are subclasses of others.
_MESSAGES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (
        errors.InvalidRequestLine,
        "The request line is not valid; send 'METHOD /path HTTP/1.1', percent-encoded, with CRLF.",
    ),
    (errors.InvalidRequestMethod, "The method is not valid; send one in capitals, such as POST."),
    (errors.InvalidHTTPVersion, "This HTTP version is not spoken here; send HTTP/1.1."),
    (
        errors.LimitRequestLine,
        "The request line is too long; send a path and query of at most 8,000 bytes.",
    ),
    (errors.LimitRequestHeaders, HEAD_TOO_LARGE.message),
    (errors.ObsoleteFolding, "A header continues on a second line; send each on one line."),
    (
        errors.InvalidHeaderName,
        "A header's name is not valid; send only letters, digits and hyphens, then a colon.",
    ),
    (
        errors.UnsupportedTransferCoding,
        "This Transfer-Encoding is not supported; send 'chunked', or a Content-Length.",
    ),
    (
        errors.ExpectationFailed,
        "This Expect header cannot be met; send 'Expect: 100-continue', or leave it out.",
    ),
    (
        errors.InvalidSchemeHeaders,
        "The proxy's headers contradict each other about http and https; send one of them.",
    ),
    (
        errors.InvalidHeader,
        "A header is not valid, or comes twice; send 'Name: value' with CRLF, and each name once.",
    ),
)


def from_parser(error: Exception) -> Refusal:
    """Say in our words, with the fix, what gunicorn's parser refused. Always a 400."""
    cause = type(error).__name__
    if getattr(error, "hdr", None) in ("CONTENT-LENGTH", "TRANSFER-ENCODING"):
        return Refusal(HTTPStatus.BAD_REQUEST, cause, _FRAMING)
    for kind, message in _MESSAGES:
        if isinstance(error, kind):
            return Refusal(HTTPStatus.BAD_REQUEST, cause, message)
    return dataclasses.replace(UNREADABLE, cause=cause)
