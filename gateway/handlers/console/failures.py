"""What pages say when something fails: what it was, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from gateway import errors
from gateway.handlers.console import pages, site

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES: Final[Mapping[int, str]] = {
    400: "This cannot be read",
    403: "Not allowed",
    404: "Not found",
    405: "Not like this",
    409: "Not in this state",
    410: "No longer kept",
    422: "This cannot be accepted",
    429: "Too much at once",
    500: "A bug in the gateway",
    503: "Not now",
}
_BUG: Final = "Nothing was changed. The log of the gateway says more, under the id of this request."


def answer(error: Exception) -> Response:
    """Answer whatever was raised with a page; without a session, with the way to sign in."""
    if isinstance(error, errors.Unauthenticated):
        return _sign_in()
    if isinstance(error, errors.Refused):
        return _page(error.status, str(error))
    if isinstance(error, errors.RateLimited | errors.Unavailable):
        response = _page(error.status, str(error))
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:  # noqa: PLR2004 - the rest are bugs
        response = _page(error.code, error.description or error.name)
        if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = dict(error.get_headers()).get("Allow", "")
        return response
    return _page(500, _BUG)


def _page(status: int, message: str) -> Response:
    title = _TITLES.get(status, HTTPStatus(status).phrase)
    return pages.render(
        "layout/failure.html",
        status,
        title=title,
        message=message[:1].upper() + message[1:],
        request_id=g.get("request_id"),
    )


def _sign_in() -> Response:
    """Send a browser to the page for signing in, and back to a page that it asked for."""
    asked = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else ""
    to = site.path("sign-in", next=asked if asked != site.PREFIX else "")
    if "HX-Request" in request.headers:  # a part of a page: the whole page has to go
        return Response("", 401, {**site.HEADERS, "HX-Redirect": site.path("sign-in")})
    return pages.redirect(to)
