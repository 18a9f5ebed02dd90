"""The query API's rejected actions: what Mixpanel refused of what was forwarded to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.sources import rejected_actions
from gateway.handlers.http import cursors, deps, operations, queries, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.sources import response_schemas

if TYPE_CHECKING:
    from flask import Response


def list_rejected_actions(slug: str, query: queries.Paging) -> Response:
    given, cursor = deps.current(), cursors.REJECTED_ACTIONS.of(slug)
    (before,) = cursor.read(query.cursor, start=rejected_actions.NEWEST)
    found = rejected_actions.listing(
        given.reading, slug, before=before, limit=query.limit, now=given.now()
    )
    return responses.part(response_schemas.RejectedActionsAnswer, "rejected", found, cursor)


OPERATIONS: Final = (
    Operation(
        name="list_rejected_actions",
        method="GET",
        rule="/v1/sources/<raw:slug>/rejected-actions",
        view=list_rejected_actions,
        scope=Scope.READ,
        topic=topics.ACTIONS,
        summary="List the actions that Mixpanel refused",
        description="Of a source with `config.import`: recorded actions that were forwarded and"
        " refused, each with the words of Mixpanel, the newest first. None of them is sent again."
        " Kept as long as the actions themselves.",
        query=queries.PagingQuery,
        answer=responses.of(response_schemas.RejectedActionsAnswer, "A part of the list."),
        refusals=(404,),
    ),
)

blueprint = operations.blueprint("rejected_actions", OPERATIONS)
