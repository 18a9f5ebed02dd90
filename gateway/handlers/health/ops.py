"""For machines that watch: is it alive, can it work, what are its numbers."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, jsonify

from gateway import metrics
from gateway.flows.health.duty import Standing
from gateway.handlers.http import deps, responses, topics
from gateway.handlers.http.operations import Foreign

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


_STATES: Final = {"type": "string", "enum": ["ok", "degraded"]}

CALLS: Final = (
    Foreign(
        path="/healthz",
        method="get",
        topic=topics.HEALTH,
        schemas={
            "Health": {
                "type": "object",
                "required": ["status"],
                "properties": {"status": {"type": "string", "enum": ["ok"]}},
            }
        },
        described={
            "operationId": "healthz",
            "summary": "See whether the process is alive",
            "security": [],
            "responses": {
                "200": {
                    "description": "It is.",
                    "content": {
                        responses.JSON: {"schema": {"$ref": "#/components/schemas/Health"}}
                    },
                }
            },
        },
    ),
    Foreign(
        path="/readyz",
        method="get",
        topic=topics.HEALTH,
        schemas={
            "Ready": {
                "type": "object",
                "required": ["status", "redis", "processes"],
                "properties": {
                    "status": _STATES,
                    "redis": {"type": "string", "enum": ["up", "down"]},
                    "processes": {
                        "type": "object",
                        "description": "How the processes of each kind do.",
                        "additionalProperties": {"type": "string", "enum": [*Standing]},
                        "examples": [{"worker": "working", "scheduler": "working"}],
                    },
                },
            }
        },
        described={
            "operationId": "readyz",
            "summary": "See whether it can work",
            "security": [],
            "responses": {
                "200": {
                    "description": "Postgres answers, no migration is pending, and a source was"
                    " set up.",
                    "content": {responses.JSON: {"schema": {"$ref": "#/components/schemas/Ready"}}},
                },
                "503": {"$ref": "#/components/responses/503"},
            },
        },
    ),
    Foreign(
        path="/metrics",
        method="get",
        topic=topics.HEALTH,
        described={
            "operationId": "metrics",
            "summary": "Read the metrics",
            "security": [],
            "responses": {
                "200": {
                    "description": "Series named `gateway_…`, in Prometheus' text format.",
                    "content": {
                        "text/plain": {
                            "schema": {"type": "string"},
                            "example": "# TYPE gateway_pending_pages gauge\n"
                            "gateway_pending_pages 0.0\n",
                        }
                    },
                }
            },
        },
    ),
)
