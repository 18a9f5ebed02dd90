"""For machines that watch: is it alive, can it work, what are its numbers."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from gateway import metrics
from gateway.handlers import deps

blueprint = Blueprint("ops", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive; touches nothing."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 while Postgres answers, is migrated, and has had a source, else 503."""
    found = deps.current().watch.ready()
    return jsonify(
        status="degraded" if found.degraded else "ok",
        redis="up" if found.redis_up else "down",
        processes=found.processes,
    )


@blueprint.get("/metrics")
def numbers() -> Response:
    """Answer the metrics page, also while Postgres or Redis is down."""
    given = deps.current()
    return Response(given.watch.page(now=given.now()), content_type=metrics.CONTENT_TYPE)
