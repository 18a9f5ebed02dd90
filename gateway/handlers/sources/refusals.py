"""The query API's refusals: which pages were refused, why, and whether that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.sources import refusals
from gateway.handlers.http import cursors, deps, operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.sources import requests, response_schemas

if TYPE_CHECKING:
    from flask import Response


def list_refusals(query: requests.RefusalsAsked) -> Response:
    since = None if query.since is None else query.since.isoformat()
    cursor = cursors.REFUSALS.of(query.source, since)
    (before,) = cursor.read(query.cursor, start=refusals.NEWEST)
    found = refusals.listing(
        deps.current().reading,
        source=query.source,
        since=query.since,
        before=before,
        limit=query.limit,
    )
    return responses.part(response_schemas.RefusalsAnswer, "refusals", found, cursor)


OPERATIONS: Final = (
    Operation(
        name="list_refusals",
        method="GET",
        rule="/v1/refusals",
        view=list_refusals,
        scope=Scope.READ,
        topic=topics.SOURCES,
        summary="List the pages that were refused",
        description="Pages of sources that exist which were answered 400, 401, 403 or 404, on which"
        " Mixpanel pauses a sync: one row for each source, cohort and message, the newest kinds"
        " first, kept for 30 days. Project and cohort are null where the sender was not known or"
        " did not say.",
        query=requests.RefusalsQuery,
        answer=responses.of(response_schemas.RefusalsAnswer, "A part of the list."),
    ),
)

blueprint = operations.blueprint("refusals", OPERATIONS)
