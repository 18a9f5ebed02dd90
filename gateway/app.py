"""The application: the one list of blueprints, and errors turned into each dialect's answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response

from gateway import errors
from gateway.handlers import (
    browsers,
    cohorts,
    contract,
    deliveries,
    deps,
    docs,
    journal,
    members,
    mixpanel,
    openapi,
    ops,
    problems,
    rawpath,
    refusals,
    sources,
    traced,
    webhook,
)

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug.exceptions import HTTPException

    from gateway.handlers.operations import Foreign, Operation

BLUEPRINTS: tuple[Blueprint, ...] = (
    mixpanel.blueprint,
    cohorts.blueprint,
    members.blueprint,
    deliveries.blueprint,
    sources.blueprint,
    refusals.blueprint,
    ops.blueprint,
    openapi.blueprint,
    docs.blueprint,
)

# The same calls as the blueprints serve, for the description.
OPERATIONS: tuple[Operation, ...] = (
    *cohorts.OPERATIONS,
    *members.OPERATIONS,
    *deliveries.OPERATIONS,
    *sources.OPERATIONS,
    *refusals.OPERATIONS,
)
FOREIGN: tuple[Foreign, ...] = (*webhook.CALLS, *ops.CALLS)

_log = structlog.get_logger()


def create_app(given: deps.Deps) -> Flask:
    """Build the WSGI application around its dependencies; nothing is opened."""
    app = Flask("gateway", static_folder=None)
    app.extensions[deps.EXTENSION] = given
    app.extensions[openapi.EXTENSION] = openapi.Description(OPERATIONS, FOREIGN)
    rawpath.install(app)
    journal.install(app)
    traced.install(app, given.tracer)
    browsers.install(app)
    contract.forget_action(app)
    app.register_error_handler(Exception, _answer_error)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def _answer_error(error: Exception | HTTPException) -> Response:
    """Answer in the words of whoever asked; a bug is logged here and nowhere else."""
    response = contract.from_error(error) if contract.speaks_here() else problems.answer(error)
    bug = response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    if bug or isinstance(error, errors.Unavailable):
        (_log.error if bug else _log.warning)(
            "request.failed",
            error=type(error).__name__,
            reason=str(error) if isinstance(error, errors.GatewayError) else None,
            exc_info=error if bug else None,
        )
    return response
