"""Requests, told to a tracer; health checks and scrapes are left out."""

from __future__ import annotations

import contextlib
from http import HTTPMethod, HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from flask import g, request

from gateway import aside

if TYPE_CHECKING:
    from flask import Flask, Response

    from gateway.tracing import Tracer

HEADER: Final = "traceparent"

_PROBES: Final = "ops"
_UNKNOWN_ROUTE: Final = "none"
# What OpenTelemetry calls a method that nobody knows.
_UNKNOWN_METHOD: Final = "_OTHER"


def install(app: Flask, tracer: Tracer) -> None:
    """Tell of each request of an application, if anybody listens."""
    if not tracer.is_on:
        return

    def begin() -> None:
        if request.blueprint == _PROBES:
            return
        method = request.method if request.method in HTTPMethod.__members__ else _UNKNOWN_METHOD
        route = request.url_rule.rule if request.url_rule else _UNKNOWN_ROUTE
        g.traced = contextlib.ExitStack()
        g.span = g.traced.enter_context(
            tracer.request(method=method, route=route, traceparent=request.headers.get(HEADER))
        )
        structlog.contextvars.bind_contextvars(traceparent=g.span.traceparent)

    app.before_request(begin)
    app.after_request(_tell)
    app.teardown_request(_end)


def _tell(response: Response) -> Response:
    if "span" in g:
        with aside.harmless("tracing"):
            g.span.tell(**{"http.response.status_code": response.status_code})
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                g.span.fail(str(response.status_code))
    return response


def _end(_error: BaseException | None) -> None:
    if "traced" in g:
        with aside.harmless("tracing"):
            g.pop("traced").close()
