"""The query API's status: how the gateway is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.health import status
from gateway.handlers.health import response_schemas
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response


def get_status() -> Response:
    given = deps.current()
    redis_up = given.wake_ups.is_up()
    found = status.status(given.reading, redis_up=redis_up, now=given.now())
    return responses.value(response_schemas.StatusAnswer, found)


OPERATIONS: Final = (
    Operation(
        name="get_status",
        method="GET",
        rule="/v1/status",
        view=get_status,
        scope=Scope.READ,
        topic=topics.STATUS,
        summary="See how the gateway is doing",
        description="`degraded` means that pages are still accepted but may not be applied:"
        " a worker or the scheduler is not alive or not at work, or Redis is down.",
        answer=responses.of(response_schemas.StatusAnswer, "The status."),
    ),
)

blueprint = operations.blueprint("status", OPERATIONS)
