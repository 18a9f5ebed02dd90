"""The application: the one list of blueprints, and errors turned into each dialect's answers."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response

from gateway import errors
from gateway.handlers.behaviour import rules
from gateway.handlers.cohorts import (
    changes,
    cohorts,
    deliveries,
    edits,
    histories,
    ids,
    loads,
    members,
    settings,
    uploads,
)
from gateway.handlers.console import failures, rooms, site
from gateway.handlers.health import activity, ops, status
from gateway.handlers.http import (
    deps,
    docs,
    openapi,
    problems,
    raw_path,
    request_log,
    security_headers,
    traced,
)
from gateway.handlers.mixpanel import description, responses, webhook
from gateway.handlers.notices import notices
from gateway.handlers.people import indexes, ingest, kursaha, people, segment
from gateway.handlers.sources import databases, kinds, refusals, rejected_actions, sources
from gateway.handlers.syncs import actions, destinations
from gateway.handlers.syncs import jobs as sync_jobs
from gateway.handlers.syncs import kinds as destination_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from werkzeug.exceptions import HTTPException

    from gateway.handlers.http.operations import Foreign, Operation
    from gateway.handlers.http.variables import Variable

BLUEPRINTS: tuple[Blueprint, ...] = (
    webhook.blueprint,
    cohorts.blueprint,
    changes.blueprint,
    settings.blueprint,
    members.blueprint,
    loads.blueprint,
    uploads.blueprint,
    edits.blueprint,
    histories.blueprint,
    status.blueprint,
    deliveries.blueprint,
    kinds.blueprint,
    sources.blueprint,
    databases.blueprint,
    refusals.blueprint,
    ingest.blueprint,
    segment.blueprint,
    kursaha.blueprint,
    people.blueprint,
    indexes.blueprint,
    destination_kinds.blueprint,
    destinations.blueprint,
    sync_jobs.blueprint,
    actions.blueprint,
    rejected_actions.blueprint,
    rules.blueprint,
    notices.blueprint,
    activity.blueprint,
    ops.blueprint,
    openapi.blueprint,
    docs.blueprint,
)

# The same calls as the blueprints serve, for the description.
OPERATIONS: tuple[Operation, ...] = (
    *cohorts.OPERATIONS,
    *changes.OPERATIONS,
    *settings.OPERATIONS,
    *members.OPERATIONS,
    *loads.OPERATIONS,
    *uploads.OPERATIONS,
    *edits.OPERATIONS,
    *histories.OPERATIONS,
    *status.OPERATIONS,
    *deliveries.OPERATIONS,
    *kinds.OPERATIONS,
    *sources.OPERATIONS,
    *databases.OPERATIONS,
    *refusals.OPERATIONS,
    *ingest.OPERATIONS,
    *segment.OPERATIONS,
    *kursaha.OPERATIONS,
    *people.OPERATIONS,
    *indexes.OPERATIONS,
    *destination_kinds.OPERATIONS,
    *destinations.OPERATIONS,
    *sync_jobs.OPERATIONS,
    *actions.OPERATIONS,
    *rejected_actions.OPERATIONS,
    *rules.OPERATIONS,
    *notices.OPERATIONS,
    *activity.OPERATIONS,
)
FOREIGN: tuple[Foreign, ...] = (*description.CALLS, *ops.CALLS)
# The variables in the paths of these operations.
VARIABLES: Mapping[str, Variable] = {
    **ids.VARIABLES,
    **uploads.VARIABLES,
    **sources.VARIABLES,
    **people.VARIABLES,
    **indexes.VARIABLES,
    **sync_jobs.VARIABLES,
}

_log = structlog.get_logger()


def create_app(given: deps.Deps) -> Flask:
    """Build the WSGI application around its dependencies; nothing is opened."""
    app = Flask("gateway", static_folder=None)
    app.extensions[deps.EXTENSION] = given
    app.extensions[openapi.EXTENSION] = openapi.Description(OPERATIONS, FOREIGN, VARIABLES)
    raw_path.install(app)
    request_log.install(app)
    traced.install(app, given.tracer)
    security_headers.install(app)
    responses.forget_action(app)
    app.register_error_handler(Exception, _answer_error)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    rooms.install(app)
    return app


def _answer_error(error: Exception | HTTPException) -> Response:
    """Answer in the dialect of the request; a bug is logged here and nowhere else."""
    response = _in_its_dialect(error)
    bug = response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    if bug or isinstance(error, errors.Unavailable):
        (_log.error if bug else _log.warning)(
            "request.failed",
            error=type(error).__name__,
            reason=str(error) if isinstance(error, errors.GatewayError) else None,
            exc_info=error if bug else None,
        )
    _release(error, error.__cause__)
    return response


def _in_its_dialect(error: Exception | HTTPException) -> Response:
    if responses.speaks_here():
        return responses.from_error(error)
    return failures.answer(error) if site.is_here() else problems.answer(error)


def _release(*raised: BaseException | None) -> None:
    """Clear the local variables of the frames that errors passed through.

    An error that one of them refers to is a reference cycle, and keeps the whole request, which may
    be 16 MiB, until Python's cycle collector runs.
    """
    for error in raised:
        if error is not None:
            traceback.clear_frames(error.__traceback__)
