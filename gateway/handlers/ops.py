"""For machines that watch: is it alive, can it work, what are its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, jsonify

from gateway.handlers import deps

if TYPE_CHECKING:
    from flask import Response

blueprint = Blueprint("ops", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive; touches nothing."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 while Postgres answers and no migration is pending, else 503."""
    given = deps.current()
    given.readiness.require()
    up = given.doorbell.is_up()
    return jsonify(status="ok" if up else "degraded", redis="up" if up else "down")
