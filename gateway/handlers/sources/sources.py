"""The query API's sources: what each is set to, and how it fares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.sources import admin as flow
from gateway.flows.sources import catalog
from gateway.handlers.http import cursors, deps, operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.http.variables import Variable
from gateway.handlers.sources import requests, response_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

VARIABLES: Final[Mapping[str, Variable]] = {
    "slug": Variable(description="The slug of a source.", example="default"),
}


def list_sources(query: requests.SourcesAsked) -> Response:
    given, cursor = deps.current(), cursors.SOURCES.of(query.kind)
    (after,) = cursor.read(query.cursor, start=("",))
    found = catalog.listing(
        given.reading, kind=query.kind, after=after, limit=query.limit, now=given.now()
    )
    return responses.part(response_schemas.SourcesAnswer, "sources", found, cursor)


def get_source(slug: str) -> Response:
    given = deps.current()
    found = catalog.entry(given.reading, slug, now=given.now())
    return responses.value(response_schemas.SourceAnswer, found)


def change_source(slug: str, body: flow.Changes) -> Response:
    given, now = deps.current(), deps.current().now()
    flow.change(given.reading, slug, body, now=now)
    return responses.value(
        response_schemas.SourceAnswer, catalog.entry(given.reading, slug, now=now)
    )


OPERATIONS: Final = (
    Operation(
        name="list_sources",
        method="GET",
        rule="/v1/sources",
        view=list_sources,
        scope=Scope.READ,
        topic=topics.SOURCES,
        summary="List sources",
        description="In the order of their slugs.",
        query=requests.SourcesQuery,
        answer=responses.of(response_schemas.SourcesAnswer, "A part of the list."),
    ),
    Operation(
        name="get_source",
        method="GET",
        rule="/v1/sources/<raw:slug>",
        view=get_source,
        scope=Scope.READ,
        topic=topics.SOURCES,
        summary="Read a source",
        answer=responses.of(response_schemas.SourceAnswer, "The source."),
        refusals=(404,),
    ),
    Operation(
        name="change_source",
        method="PATCH",
        rule="/v1/sources/<raw:slug>",
        view=change_source,
        scope=Scope.ADMIN,
        topic=topics.SOURCES,
        summary="Rename, pause, resume or set up a source anew",
        description="What is left out stays. Cohorts and their history are kept; with another"
        " identity property members change at the next full sync of a cohort.",
        body=requests.SourceForm,
        max_body_bytes=requests.MAX_SOURCE_BYTES,
        answer=responses.of(response_schemas.SourceAnswer, "The source as it is now."),
        refusals=(404, 422),
    ),
)

blueprint = operations.blueprint("sources", OPERATIONS)
