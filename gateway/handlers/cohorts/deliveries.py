"""The query API's deliveries: which pages wait, and which are stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import admin
from gateway.flows.health import status
from gateway.handlers.cohorts import ids, requests, response_schemas
from gateway.handlers.http import cursors, deps, operations, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor


def list_deliveries(query: requests.DeliveriesAsked) -> Response:
    cursor = cursors.DELIVERIES.of(query.state)
    after = cursor.read(query.cursor, start=(0, 0))
    found = status.deliveries(
        deps.current().reading, state=query.state, after=after, limit=query.limit
    )
    return responses.part(response_schemas.DeliveriesAnswer, "deliveries", found, cursor)


def retry_delivery(delivery_id: str, actor: Actor) -> Response:
    given, (cohort_id, number) = deps.current(), ids.delivery(delivery_id)
    found = admin.retry_delivery(given.reading, cohort_id, number, now=given.now(), actor=actor)
    given.wake_ups.notify(cohort_id)
    return responses.value(response_schemas.DeliveryAnswer, found, 202)


OPERATIONS: Final = (
    Operation(
        name="list_deliveries",
        method="GET",
        rule="/v1/deliveries",
        view=list_deliveries,
        scope=Scope.READ,
        topic=topics.DELIVERIES,
        summary="List the pages that wait to be applied or are blocked",
        query=requests.DeliveriesQuery,
        answer=responses.of(response_schemas.DeliveriesAnswer, "A part of the list."),
    ),
    Operation(
        name="retry_delivery",
        method="POST",
        rule="/v1/deliveries/<raw:delivery_id>/retry",
        view=retry_delivery,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.DELIVERIES,
        summary="Retry a blocked page",
        answer=responses.of(response_schemas.DeliveryAnswer, "The page waits again.", status=202),
        refusals=(404, 409),
    ),
)

blueprint = operations.blueprint("deliveries", OPERATIONS)
