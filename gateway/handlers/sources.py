"""The query API's sources: what each is set to, and how it fares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.scopes import Scope
from gateway.flows import catalog
from gateway.flows import sources as flow
from gateway.handlers import answers, cards, cursors, deps, forms, operations, queries, topics
from gateway.handlers.operations import Operation

if TYPE_CHECKING:
    from flask import Response


def list_sources(query: queries.SourcesAsked) -> Response:
    """List sources."""
    given, cursor = deps.current(), cursors.SOURCES.of(query.kind)
    (after,) = cursor.read(query.cursor, start=("",))
    found = catalog.listing(
        given.reading, kind=query.kind, after=after, limit=query.limit, now=given.now()
    )
    return answers.part(cards.SourcesAnswer, "sources", found, cursor)


def get_source(slug: str) -> Response:
    """Answer one source."""
    given = deps.current()
    found = catalog.entry(given.reading, slug, now=given.now())
    return answers.value(cards.SourceAnswer, found)


def change_source(slug: str, body: flow.Changes) -> Response:
    """Change what a source is set to."""
    given, now = deps.current(), deps.current().now()
    flow.change(given.reading, slug, body, now=now)
    return answers.value(cards.SourceAnswer, catalog.entry(given.reading, slug, now=now))


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
        query=queries.SourcesQuery,
        answer=answers.of(cards.SourcesAnswer, "A part of the list."),
    ),
    Operation(
        name="get_source",
        method="GET",
        rule="/v1/sources/<raw:slug>",
        view=get_source,
        scope=Scope.READ,
        topic=topics.SOURCES,
        summary="Read a source",
        answer=answers.of(cards.SourceAnswer, "The source."),
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
        body=forms.SourceForm,
        max_body_bytes=forms.MAX_SOURCE_BYTES,
        answer=answers.of(cards.SourceAnswer, "The source as it is now."),
        refusals=(404, 422),
    ),
)

blueprint = operations.blueprint("sources", OPERATIONS)
