"""The query API's activity: what was changed, read out or tried, by which key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.health import audit
from gateway.handlers.health import response_schemas
from gateway.handlers.http import cursors, deps, operations, queries, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response


def list_activity(query: queries.Paging) -> Response:
    cursor = cursors.ACTIVITY.of()
    (before,) = cursor.read(query.cursor, start=audit.NEWEST)
    found = audit.listing(deps.current().reading, before=before, limit=query.limit)
    return responses.part(response_schemas.ActivityAnswer, "activity", found, cursor)


OPERATIONS: Final = (
    Operation(
        name="list_activity",
        method="GET",
        rule="/v1/activity",
        view=list_activity,
        scope=Scope.ADMIN,
        topic=topics.ACTIVITY,
        summary="List what was done",
        description="Each change of anything but pages, events and members, and what was read out"
        " whole or refused to a person; the newest first, kept for 400 days. It holds no secrets"
        " and no data of members.",
        query=queries.PagingQuery,
        answer=responses.of(response_schemas.ActivityAnswer, "A part of the list."),
    ),
)

blueprint = operations.blueprint("activity", OPERATIONS)
