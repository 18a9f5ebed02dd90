"""The query API's sources: what each is set to, and how it fares."""

from __future__ import annotations

import dataclasses
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

    from gateway.core.access.actor import Actor

VARIABLES: Final[Mapping[str, Variable]] = {
    "slug": Variable(description="The slug of a source.", example="default"),
}


def list_sources(query: requests.SourcesAsked) -> Response:
    given, cursor = deps.current(), cursors.SOURCES.of(query.kind)
    (after,) = cursor.read(query.cursor, start=("",))
    found = catalog.listing(
        given.reading, given.setup, kind=query.kind, after=after, limit=query.limit, now=given.now()
    )
    return responses.part(response_schemas.SourcesAnswer, "sources", found, cursor)


def get_source(slug: str) -> Response:
    given = deps.current()
    found = catalog.entry(given.reading, given.setup, slug, now=given.now())
    return responses.value(response_schemas.SourceAnswer, found)


def create_source(body: flow.Wanted, actor: Actor) -> Response:
    """Make a source."""
    given, now = deps.current(), deps.current().now()
    login = flow.make(given.reading, body, given.setup, now=now, actor=actor)
    found = catalog.entry(given.reading, given.setup, body.slug, now=now)
    shown = dataclasses.asdict(found) | _credentials(body.slug, login)
    return responses.value(response_schemas.NewSourceAnswer, shown, status=201)


def change_source(slug: str, body: flow.Changes, actor: Actor) -> Response:
    given, now = deps.current(), deps.current().now()
    flow.change(given.reading, slug, body, given.setup, now=now, actor=actor)
    found = catalog.entry(given.reading, given.setup, slug, now=now)
    return responses.value(response_schemas.SourceAnswer, found)


def remove_source(slug: str, query: requests.RemovalAsked, actor: Actor) -> Response:
    """Remove a source."""
    given = deps.current()
    flow.remove(given.reading, slug, now=given.now(), with_cohorts=query.with_cohorts, actor=actor)
    given.readers.settle()
    return responses.nothing()


def _credentials(slug: str, login: flow.Login | None) -> dict[str, object]:
    if login is None:
        return {}
    url = deps.current().settings.webhook_url(slug)
    return {"credentials": {"url": url, **dataclasses.asdict(login)}}


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
        name="create_source",
        method="POST",
        rule="/v1/sources",
        view=create_source,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SOURCES,
        summary="Make a source",
        description="Of kind `mixpanel` the answer has what to enter in Mixpanel. The password is"
        " in no later answer; `python -m gateway source rotate` makes another one.",
        body=requests.NewSourceForm,
        max_body_bytes=requests.MAX_SOURCE_BYTES,
        answer=responses.of(response_schemas.NewSourceAnswer, "The source.", status=201),
        refusals=(409, 422),
    ),
    Operation(
        name="remove_source",
        method="DELETE",
        rule="/v1/sources/<raw:slug>",
        view=remove_source,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SOURCES,
        summary="Remove a source",
        description="Its webhook answers 404 from now on. With `with_cohorts=true` its cohorts are"
        " deleted as if each had been; without it, a source that has some is 409 `in_use`.",
        query=requests.RemovalQuery,
        answer=operations.NOTHING,
        refusals=(404, 409),
    ),
    Operation(
        name="change_source",
        method="PATCH",
        rule="/v1/sources/<raw:slug>",
        view=change_source,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SOURCES,
        summary="Rename, pause, resume or set up a source anew",
        description="What is left out stays. Cohorts and their history are kept; with another"
        " identity property members change at the next full sync of a cohort. A change of where"
        " secrets travel must bring them again: 422 `secrets_needed`.",
        body=requests.SourceForm,
        max_body_bytes=requests.MAX_SOURCE_BYTES,
        answer=responses.of(response_schemas.SourceAnswer, "The source as it is now."),
        refusals=(404, 409, 422),
    ),
)

blueprint = operations.blueprint("sources", OPERATIONS)
