"""The answers that Mixpanel expects, whatever happened: JSON, an action, a status, an error.

The shape is "Expected Response Format" in Mixpanel's help on cohort sync, fixed in interface 1.1.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog
from flask import Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from gateway import errors, metrics
from gateway.core import deadline

if TYPE_CHECKING:
    from flask import Flask

_log = structlog.get_logger()

PREFIX = "/webhooks/"
MAX_MESSAGE_CHARACTERS = 500
# Mixpanel retries these, and pauses the sync on 400, 401, 403 and 404. Nothing else is documented.
DOCUMENTED = frozenset({400, 401, 403, 404, 405, 429, 500, 503})


def success(action: str | None) -> Response:
    """Answer 200: exactly the action and the status."""
    return _answer(200, {"action": action, "status": "success"})


def failure(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """Answer a failure; the action is the one read so far, or null."""
    metrics.rejected(status, source=g.get("slug"))
    project_id, external_id = g.get("cohort") or (None, None)
    # For operators: the words that Mixpanel shows, which hold no personal data.
    _log.info(
        "page.refused",
        status=status,
        reason=message,
        project_id=project_id,
        external_id=external_id,
    )
    error = {"message": message[:MAX_MESSAGE_CHARACTERS], "code": status}
    body = {"action": g.get("action"), "status": "failure", "error": error}
    return _answer(status, body, headers)


def from_error(error: Exception) -> Response:
    if isinstance(error, errors.Refused):
        return failure(error.status, str(error), _headers(error))
    if isinstance(error, errors.RateLimited | errors.Unavailable):
        retry_after = {"Retry-After": str(error.retry_after_seconds)}
        return failure(error.status, str(error), retry_after)
    if isinstance(error, MethodNotAllowed):  # a method that no route has heard of
        return from_error(_other_method())
    if isinstance(error, HTTPException) and error.code in DOCUMENTED:
        return failure(error.code, error.description or error.name)
    return failure(500, "a bug in the gateway; nothing was stored, and its log says more")


def speaks_here() -> bool:
    """Tell whether the current request is one that Mixpanel's dialect answers."""
    return request.path.startswith(PREFIX)


def _headers(error: errors.Refused) -> dict[str, str]:
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Basic realm="cohort gateway", charset="UTF-8"'}
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    return {}


def _answer(
    status: int, body: dict[str, object], headers: dict[str, str] | None = None
) -> Response:
    # ASCII: an action with half a surrogate pair is echoed as it was sent.
    return Response(json.dumps(body), status, headers, content_type="application/json")


def refuse_other_methods() -> None:
    """Raise errors.MethodNotAllowed for anything but a POST, before anything else is looked at."""
    if request.method != "POST":
        raise _other_method()


def _other_method() -> errors.MethodNotAllowed:
    return errors.MethodNotAllowed("this URL takes POST only", allowed=("POST",))


def forget_action(app: Flask) -> None:
    """Begin each request with no action read, and leave its thread without a deadline."""
    app.before_request(_begin)
    app.teardown_request(_end)


def _begin() -> None:
    g.action = g.slug = g.cohort = None


def _end(_error: BaseException | None) -> None:
    deadline.start()
