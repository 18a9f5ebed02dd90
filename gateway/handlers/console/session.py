"""The session of a request: its cookie, its visitor, and what a form must bring to be believed."""

from __future__ import annotations

import base64
import hmac
import urllib.parse
from typing import TYPE_CHECKING, Final

from flask import g, request

from gateway import errors
from gateway.core.access import secrets
from gateway.flows.access import sign_in
from gateway.handlers.console import site
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Response

    from gateway.flows.access.sign_in import Visitor

# With this prefix browsers take it over TLS alone, for this host and for all of its paths.
_SECURE_NAME: Final = "__Host-gateway_console"
_PLAIN_NAME: Final = "gateway_console"
TOKEN: Final = "token"  # noqa: S105 - the name of a field
_MAX_CHARACTERS: Final = 100


def visitor() -> Visitor:
    """Return the visitor of this request. Raises errors.Unauthenticated without a session."""
    if "visitor" not in g:
        given = deps.current()
        g.visitor = sign_in.visitor(given.reading, session_id(), now=given.now())
    found: Visitor = g.visitor
    return found


def session_id() -> str | None:
    """Read the cookie. Before signing in its value opens nothing, and only ties forms to it."""
    value = request.cookies.get(_cookie_name(), "")
    return value if 0 < len(value) <= _MAX_CHARACTERS else None


def new_id() -> str:
    return secrets.new_key()


def token(of: str) -> str:
    """Return what the forms of a session carry: only a page that knows the cookie can make it."""
    digest = hmac.digest(of.encode(errors="replace"), b"console form", "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def require_own_form(sent: str) -> None:
    """Raise errors.Forbidden unless a form is of this session and of this site."""
    if not _is_same_origin():
        raise errors.Forbidden("this form came from another site; open the page here and try again")
    known = session_id()
    if known is None or not hmac.compare_digest(token(known).encode(), sent.encode()):
        raise errors.Forbidden(
            "this form is of another session, or the browser keeps no cookies; open the page again"
        )


def remember(response: Response, value: str) -> Response:
    """Give the browser a cookie, until it is closed: when the session ends is kept here."""
    response.set_cookie(
        _cookie_name(), value, path="/", httponly=True, secure=site.is_secure(), samesite="Lax"
    )
    return response


def forget(response: Response) -> Response:
    response.delete_cookie(
        _cookie_name(), path="/", httponly=True, secure=site.is_secure(), samesite="Lax"
    )
    return response


def _cookie_name() -> str:
    return _SECURE_NAME if site.is_secure() else _PLAIN_NAME


def _is_same_origin() -> bool:
    """Tell whether the browser says that a page of this site has sent this.

    `Sec-Fetch-Site` is sent to hosts that browsers trust, which over plain HTTP are none but this
    machine; `Origin` is sent to all.
    """
    said = request.headers.get("Sec-Fetch-Site")
    if said is not None and said != "same-origin":
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return said is not None
    public = urllib.parse.urlsplit(deps.current().settings.public_url or "").netloc
    return urllib.parse.urlsplit(origin).netloc in {request.host, public} - {""}
