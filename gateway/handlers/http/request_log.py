"""Each request gets an id, a line in the log, and a place in the metrics."""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPMethod, HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from flask import g, request

from gateway import aside, metrics

if TYPE_CHECKING:
    from flask import Flask, Response

HEADER: Final = "X-Request-Id"

# What proxies make: UUIDs, hex, base64 for URLs. Anything else could bring a person's data, or
# more than a log wants, and is replaced.
_SANE: Final = re.compile(r"[0-9A-Za-z_-]{8,64}", re.ASCII)

_METHODS: Final = frozenset(HTTPMethod)
# They are asked every few seconds and say nothing new while all is well.
PROBES: Final = "ops"

_log = structlog.get_logger()


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def route() -> str:
    """Return the template of the route, which is told instead of the path: that may hold an id."""
    return request.url_rule.rule if request.url_rule else "none"


def _begin() -> None:
    """Give the request its id, which every event logged for it carries."""
    sent = request.headers.get(HEADER, "")
    g.request_id = sent if _SANE.fullmatch(sent) else secrets.token_hex(8)
    g.began = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    seconds = time.monotonic() - g.began
    method = request.method
    metrics.answered(route=route(), status=response.status_code, seconds=seconds)
    probe = request.blueprint == PROBES and response.status_code == HTTPStatus.OK
    with aside.harmless("log"):
        (_log.debug if probe else _log.info)(
            "request.answered",
            method=method if method in _METHODS else None,
            route=route(),
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
        )
    response.headers[HEADER] = g.request_id
    return response
