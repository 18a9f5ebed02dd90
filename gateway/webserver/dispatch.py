"""Runs the application on a whole request and sends its answer; what the threads do."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from gunicorn.http import errors, wsgi

from gateway import metrics
from gateway.webserver import error_responses, framing
from gateway.webserver.connection import ClientGone, Connection

if TYPE_CHECKING:
    import threading

    from gunicorn.config import Config

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What answers say of the software that made them: no version, no language.
SERVER_NAME: Final = "gateway"


def answer(
    connection: Connection,
    application: Application,
    cfg: Config,
    *,
    stopping: bool,
    ending: threading.Event,
    must_close: Callable[[], bool],
) -> None:
    """Answer the request of a connection. What the client does not take at once stays in `out`.

    `stopping` and `ending` are told to the application. `must_close` is asked when the answer
    begins: whether the connection ends with it.
    """
    body = connection.body
    connection.unread = body.state is not framing.BodyState.COMPLETE
    try:
        prepared = _prepare(connection, cfg)
        if prepared is None:
            return
        response, environ = prepared
        environ["gateway.body"] = str(body.state)
        environ["gateway.received_at_monotonic"] = connection.started_at
        environ["gateway.stopping"] = stopping
        environ["gateway.ending"] = ending
        connection.begin_answer()
        _run(application, environ, response, must_close)
        connection.closing = response.should_close()
        connection.push()
    except ClientGone:
        connection.broken = True
    except (Exception, SystemExit):
        # Whatever the application raised, its client gets an answer and this thread goes on.
        logging.getLogger("gunicorn.error").exception("request.failed")
        _refuse(connection, error_responses.BUG)


def _prepare(connection: Connection, cfg: Config) -> tuple[wsgi.Response, dict[str, Any]] | None:
    request = connection.request
    request.body = io.BytesIO(connection.body.content())
    if connection.unread:
        request.force_close()
    try:
        response, environ = wsgi.create(
            request, connection, connection.peer, connection.server, cfg
        )
    except errors.ParseException as error:
        _refuse(connection, error_responses.from_parser(error))
        return None
    response.version = SERVER_NAME
    environ["wsgi.multithread"] = True
    return response, environ


def _run(
    application: Application,
    environ: dict[str, Any],
    response: wsgi.Response,
    must_close: Callable[[], bool],
) -> None:
    parts = application(environ, response.start_response)
    try:
        if must_close():
            response.force_close()
        for part in parts:
            response.write(part)
        response.close()
    finally:
        if hasattr(parts, "close"):
            parts.close()


def _refuse(connection: Connection, refusal: error_responses.Refusal) -> None:
    if connection.sent:  # too late for another answer: end so that this one is seen to be cut
        connection.broken = True
        return
    metrics.rejected(refusal.code.value)
    connection.closing = True
    connection.out[:] = refusal.to_bytes(connection.line)
