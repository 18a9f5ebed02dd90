"""The query API's operations: how the gateway is doing, what waits, what is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.scopes import Scope
from gateway.flows import manage, status
from gateway.handlers import answers, cursors, deps, ids, operations, queries, schemas, topics
from gateway.handlers.operations import Operation

if TYPE_CHECKING:
    from flask import Response


def get_status() -> Response:
    """Answer how the gateway is doing."""
    given = deps.current()
    redis_up = given.doorbell.is_up()
    found = status.status(given.reading, redis_up=redis_up, now=given.now())
    return answers.value(schemas.StatusAnswer, found)


def list_deliveries(query: queries.DeliveriesAsked) -> Response:
    """List what waits or is stuck."""
    cursor = cursors.DELIVERIES.of(query.state)
    after = cursor.read(query.cursor, start=(0, 0))
    found = status.deliveries(
        deps.current().reading, state=query.state, after=after, limit=query.limit
    )
    return answers.part(schemas.DeliveriesAnswer, "deliveries", found, cursor)


def retry_delivery(delivery_id: str) -> Response:
    """Have a blocked delivery tried again."""
    given, (cohort_id, number) = deps.current(), ids.delivery(delivery_id)
    found = manage.retry_delivery(given.reading, cohort_id, number, now=given.now())
    given.doorbell.ring(cohort_id)
    return answers.value(schemas.DeliveryAnswer, found, 202)


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
        answer=answers.of(schemas.StatusAnswer, "The status."),
    ),
    Operation(
        name="list_deliveries",
        method="GET",
        rule="/v1/deliveries",
        view=list_deliveries,
        scope=Scope.READ,
        topic=topics.DELIVERIES,
        summary="List the pages that wait to be applied or are blocked",
        query=queries.DeliveriesQuery,
        answer=answers.of(schemas.DeliveriesAnswer, "A part of the list."),
    ),
    Operation(
        name="retry_delivery",
        method="POST",
        rule="/v1/deliveries/<raw:delivery_id>/retry",
        view=retry_delivery,
        scope=Scope.ADMIN,
        topic=topics.DELIVERIES,
        summary="Retry a blocked page",
        answer=answers.of(schemas.DeliveryAnswer, "The page waits again.", status=202),
        refusals=(404, 409),
    ),
)

blueprint = operations.blueprint("deliveries", OPERATIONS)
