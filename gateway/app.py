"""The application: the one list of blueprints, and errors turned into each dialect's answers."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, g, request

from gateway import errors
from gateway.handlers import contract, deps, mixpanel, ops, problems, rawpath

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug.exceptions import HTTPException

BLUEPRINTS: tuple[Blueprint, ...] = (
    mixpanel.blueprint,
    ops.blueprint,
)

_log = structlog.get_logger()


def create_app(given: deps.Deps) -> Flask:
    """Build the WSGI application around its dependencies; nothing is opened."""
    app = Flask("gateway", static_folder=None)
    app.extensions[deps.EXTENSION] = given
    rawpath.install(app)
    app.before_request(_begin)
    app.after_request(_log_request)
    app.register_error_handler(Exception, _answer_error)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def _begin() -> None:
    g.action = None
    g.delivery = None
    g.request_id = secrets.token_hex(8)
    g.began = time.monotonic()


def _answer_error(error: Exception | HTTPException) -> Response:
    """Answer in the words of whoever asked; a bug is logged here and nowhere else."""
    response = contract.from_error(error) if contract.speaks_here() else problems.answer(error)
    if response.status_code == 500 or isinstance(error, errors.Unavailable):
        _log.warning(
            "request.failed",
            request_id=g.request_id,
            error=type(error).__name__,
            exc_info=error if response.status_code == 500 else None,
        )
    return response


def _log_request(response: Response) -> Response:
    """Log the route, not the path: a path may hold somebody's id."""
    cohort_id, number = g.get("delivery") or (None, None)
    _log.info(
        "request.answered",
        request_id=g.get("request_id"),
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        milliseconds=round((time.monotonic() - g.began) * 1000, 1) if "began" in g else None,
        cohort_id=cohort_id,
        delivery=number,
    )
    return response
