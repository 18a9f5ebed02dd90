"""Requests, told to a tracer; health checks and scrapes are left out."""

from __future__ import annotations

import contextlib
from http import HTTPMethod, HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from flask import g, request
from opentelemetry.trace import SpanKind, StatusCode

from gateway import aside, tracing
from gateway.handlers.http import request_log

if TYPE_CHECKING:
    from flask import Flask, Response
    from opentelemetry.trace import Tracer

# What OpenTelemetry calls an unknown method.
_UNKNOWN_METHOD: Final = "_OTHER"


def install(app: Flask, tracer: Tracer) -> None:
    """Tell of each request of an application, if requests are traced."""
    if not tracing.is_on(tracer):
        return

    def begin() -> None:
        if request.blueprint == request_log.PROBES:
            return
        method = request.method if request.method in HTTPMethod.__members__ else _UNKNOWN_METHOD
        route = request_log.route()
        g.traced = contextlib.ExitStack()
        caller = tracing.context(request.headers.get(tracing.HEADER))
        g.span = g.traced.enter_context(
            tracing.opened(tracer, f"{method} {route}", SpanKind.SERVER, caller)
        )
        g.span.set_attributes({"http.request.method": method, "http.route": route})
        structlog.contextvars.bind_contextvars(traceparent=tracing.traceparent())

    app.before_request(begin)
    app.after_request(_tell)
    app.teardown_request(_end)


def _tell(response: Response) -> Response:
    if "span" in g:
        with aside.harmless("tracing"):
            g.span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                g.span.set_status(StatusCode.ERROR, str(response.status_code))
    return response


def _end(_error: BaseException | None) -> None:
    if "traced" in g:
        with aside.harmless("tracing"):
            g.pop("traced").close()
