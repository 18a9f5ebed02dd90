"""Runs the application on a whole request and sends its answer; what the threads do."""

import contextlib
import io
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http import errors, wsgi  # type: ignore[import-untyped]

from gateway.core import framing
from gateway.door import refusals
from gateway.door.connection import ClientGone, Connection

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What answers say of the software that made them: no version, no language.
SERVER_NAME: Final = "gateway"


def answer(
    connection: Connection,
    application: Application,
    cfg: Config,
    *,
    stopping: bool,
    close: bool,
) -> None:
    """Answer the request of a connection. What the client does not take at once stays in `out`.

    `stopping` is told to the application; `close` ends the connection after this answer.
    """
    body = connection.body
    connection.unread = body.state is not framing.BodyState.COMPLETE
    connection.request.body = io.BytesIO(body.content())
    if close or connection.unread:
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
    _run(connection, application, environ, response)


def _run(
    connection: Connection,
    application: Application,
    environ: dict[str, Any],
    response: wsgi.Response,
) -> None:
    response.version = SERVER_NAME
    try:
        parts = application(environ, response.start_response)
        with contextlib.closing(parts) if hasattr(parts, "close") else contextlib.nullcontext():
            for part in parts:
                response.write(part)
            response.close()
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
