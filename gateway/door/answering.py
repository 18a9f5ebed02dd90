"""Runs the application on a whole request and sends its answer; what the threads do."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from gunicorn.http import errors, wsgi

from gateway.core import framing
from gateway.door import refusals
from gateway.door.connection import ClientGone, Connection

if TYPE_CHECKING:
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
    must_close: Callable[[], bool],
) -> None:
    """Answer the request of a connection. What the client does not take at once stays in `out`.

    `stopping` is told to the application; `must_close` is asked when the answer begins: whether
    the connection ends with it.
    """
    body = connection.body
    connection.unread = body.state is not framing.BodyState.COMPLETE
    connection.request.body = io.BytesIO(body.content())
    if connection.unread:
        connection.request.force_close()
    try:
        response, environ = wsgi.create(
            connection.request, connection, connection.peer, connection.server, cfg
        )
    except errors.ParseException as error:
        _refuse(connection, refusals.from_parser(error))
        return
    environ["wsgi.multithread"] = True
    environ["gateway.body"] = str(body.state)
    environ["gateway.received_at_monotonic"] = connection.started_at
    environ["gateway.stopping"] = stopping
    _run(connection, application, environ, response, must_close)


def _run(
    connection: Connection,
    application: Application,
    environ: dict[str, Any],
    response: wsgi.Response,
    must_close: Callable[[], bool],
) -> None:
    response.version = SERVER_NAME
    try:
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
        connection.closing = response.should_close()
        connection.push()
    except ClientGone:
        connection.broken = True
    except (Exception, SystemExit):
        # Whatever the application raised, its client gets an answer and this thread goes on.
        logging.getLogger("gunicorn.error").exception("request.failed")
        _refuse(connection, refusals.BUG)


def _refuse(connection: Connection, refusal: refusals.Refusal) -> None:
    if connection.sent:  # too late for another answer: end so that this one is seen to be cut
        connection.broken = True
        return
    connection.closing = True
    connection.out[:] = refusal.to_bytes(connection.request.method)
