"""Mixpanel's HTTP half: read the request, have it accepted, answer in the contract's words."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import time
import urllib.parse

from flask import Blueprint, Response, g, request

from gateway import errors, metrics
from gateway.core import deadline, texts
from gateway.flows.sources.webhook import Posted
from gateway.flows.sources.webhook_login import Login
from gateway.handlers.http import body, deps
from gateway.handlers.mixpanel import responses
from gateway.sources.mixpanel import body as mixpanel

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
STOPPING_RETRY_SECONDS = 5
# What is left of a request's time for writing its answer.
ANSWER_SECONDS = 0.5

blueprint = Blueprint("mixpanel", __name__, url_prefix="/webhooks/mixpanel")


@blueprint.route("/<source>", methods=METHODS, provide_automatic_options=False)
@blueprint.route("/<source>/", methods=METHODS, provide_automatic_options=False)
def receive(source: str) -> Response:
    responses.refuse_other_methods()
    given, g.slug = deps.current(), _slug(source)
    _set_deadline(given.settings.request_deadline_seconds)
    sent = _read(given.settings.max_body_bytes)
    _refuse_while_stopping()
    sent.refuse_if_cut()
    given.readiness.require()
    page = Posted(
        slug=g.slug, login=_login(), body=sent.complete_for(g.slug), request_id=g.request_id
    )
    with metrics.accepting():
        given.intake.accept(page, now=given.now())
    return responses.success(g.action)


@blueprint.route("/", methods=METHODS, provide_automatic_options=False, strict_slashes=False)
@blueprint.route("/<rest:_rest>", methods=METHODS, provide_automatic_options=False)
def elsewhere(_rest: str = "") -> Response:
    """Answer for a URL that was cut or extended by mistake."""
    responses.refuse_other_methods()
    _read(deps.current().settings.max_body_bytes).complete()
    message = "no such webhook; the URL is /webhooks/mixpanel/<source>"
    raise errors.NotFound(message)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Sent:
    """A body, or why there is none; which of the two is said when its turn comes."""

    body: mixpanel.Body | None = None
    problem: errors.GatewayError | None = None

    def refuse_if_cut(self) -> None:
        """Raise errors.Unavailable if the body has to be sent again, by any sender."""
        if isinstance(self.problem, errors.Unavailable):
            raise self.problem

    def complete_for(self, slug: str) -> mixpanel.Body:
        """Return the body, or note that the source was sent one that is none, and raise why."""
        if self.problem is not None:
            given = deps.current()
            given.intake.note_unread(slug, self.problem, now=given.now())
        return self.complete()

    def complete(self) -> mixpanel.Body:
        """Return the body. Raises what reading it raised."""
        if self.body is None:
            raise self.problem or errors.InternalError("a body without a fate")
        return self.body


def _read(max_bytes: int) -> _Sent:
    """Read the body first of all, because every answer echoes its action."""
    try:
        sent = mixpanel.Body(body.read(request.environ, max_bytes=max_bytes))
    except errors.TooLarge as error:  # 413 is no status of this contract
        return _Sent(problem=errors.Malformed(str(error)))
    except errors.GatewayError as error:
        return _Sent(problem=error)
    g.action = sent.action
    g.cohort = sent.cohort and tuple(texts.shown_id(one) for one in sent.cohort)
    return _Sent(body=sent)


def _slug(encoded: str) -> str:
    """Decode a segment of the path; one that is no text is no source's either, and not a 400."""
    return texts.storable(urllib.parse.unquote(encoded, errors="replace"))


def _set_deadline(seconds: float) -> None:
    """Count from when the front door first heard of this request, not from when it was whole."""
    began = request.environ.get("gateway.received_at_monotonic", time.monotonic())
    deadline.start(began + seconds - ANSWER_SECONDS)


def _refuse_while_stopping() -> None:
    if request.environ.get("gateway.stopping"):
        message = "the gateway is being restarted; send this again"
        raise errors.Unavailable(message, retry_after_seconds=STOPPING_RETRY_SECONDS)


def _login() -> Login | None:
    """Read HTTP Basic credentials; anything unreadable counts as none."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    username, colon, password = decoded.partition(b":")
    if not colon:
        return None
    return Login(username=username.decode("utf-8", "surrogateescape"), password=password)
