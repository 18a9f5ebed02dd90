"""Runs the application on a whole request and sends its answer; what the threads do."""

import io
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from gunicorn.http import errors, wsgi

from gateway.core import framing
from gateway.door import refusals
from gateway.door.connection import ClientGone, Connection

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What answers say of the software that made them: no version, no language.
SERVER_NAME: Final = "gateway"


def answer(
    connection: Connection,
    application: Application,
    cfg: Any,
    *,
    stopping: bool,
    close: bool,  # noqa: ANN401 - gunicorn's
) -> None:
    """Answer the request of a connection. What the client does not take at once stays in `out`.

    `stopping` is told to the application; `close` ends the connection after this answer.
    """
    try:
        _run(connection, application, cfg, stopping=stopping, close=close)
    except ClientGone:
        connection.broken = True
    except errors.ParseException as error:
        _refuse(connection, refusals.from_parser(error))
    except (Exception, SystemExit):
        # Whatever the application raised, its client gets an answer and this thread goes on.
        logging.getLogger(__name__).exception("request.failed")
        _refuse(connection, refusals.BUG)


def _run(
    connection: Connection,
    application: Application,
    cfg: Any,
    *,
    stopping: bool,
    close: bool,  # noqa: ANN401 - gunicorn's
) -> None:
    request, body = connection.request, connection.body
    state = framing.BodyState.COMPLETE if body is None else body.state
    request.body = io.BytesIO(b"" if body is None else body.content())
    connection.unread = state is not framing.BodyState.COMPLETE
    if close or connection.unread:
        request.force_close()
    response, environ = wsgi.create(request, connection, connection.peer, connection.server, cfg)
    response.version = SERVER_NAME
    environ["wsgi.multithread"] = True
    environ["gateway.body"] = str(state)
    environ["gateway.received_at_monotonic"] = connection.started_at
    environ["gateway.stopping"] = stopping
    parts = application(environ, response.start_response)
    try:
        for part in parts:
            response.write(part)
        response.close()
    finally:
        if hasattr(parts, "close"):
            parts.close()
    connection.closing = response.should_close()
    if connection.out:
        connection.push()


def _refuse(connection: Connection, refusal: refusals.Refusal) -> None:
    connection.closing = True
    if connection.sent:  # too late for another answer: end so that this one is seen to be cut
        connection.broken = True
        return
    connection.out[:] = refusal.to_bytes(connection.request.method)
