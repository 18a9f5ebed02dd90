"""The query API's databases: tests of sources, previews of queries, and what can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.sources import databases as flow
from gateway.flows.sources import probe
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.sources import database_schemas as schemas

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor


def test_source(slug: str, actor: Actor) -> Response:
    given = deps.current()
    with given.waits.turn():
        tested = probe.test(given.reading, given.setup, slug, now=given.now(), actor=actor)
    return responses.value(schemas.TestAnswer, tested)


def get_schema(slug: str, query: schemas.SchemaAsked) -> Response:
    given = deps.current()
    with given.waits.turn():
        found = flow.schema(given.reading, given.setup, slug, search=query.search, now=given.now())
    return responses.value(schemas.SchemaAnswer, found)


def preview_query(slug: str, body: flow.Asked, actor: Actor) -> Response:
    given = deps.current()
    with given.waits.turn():
        found = flow.preview(given.reading, given.setup, slug, body, now=given.now(), actor=actor)
    return responses.value(schemas.PreviewAnswer, schemas.shown(found))


OPERATIONS: Final = (
    Operation(
        name="test_source",
        method="POST",
        rule="/v1/sources/<raw:slug>/test",
        view=test_source,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SOURCES,
        summary="Test a source",
        description="Steps in order: `configuration`, `resolve`, `connect`, `sign_in`, `query`,"
        " `read_only`. It stops at the first that fails, and says what to do; a source without a"
        " connection has the first alone. Ends within 30 seconds.",
        answer=responses.of(schemas.TestAnswer, "How it went."),
        refusals=(404,),
    ),
    Operation(
        name="get_schema",
        method="GET",
        rule="/v1/sources/<raw:slug>/schema",
        view=get_schema,
        scope=Scope.ADMIN,
        topic=topics.SOURCES,
        summary="List the tables of a database",
        description="Tables and views that the role may read, by schema and name, at most 1,000.",
        query=schemas.SchemaQuery,
        answer=responses.of(schemas.SchemaAnswer, "The tables."),
        refusals=(404, 409, 422),
    ),
    Operation(
        name="preview_query",
        method="POST",
        rule="/v1/sources/<raw:slug>/preview",
        view=preview_query,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SOURCES,
        summary="Try a query",
        description="Runs it for its first 50 rows; nothing is kept, and no state moves. The code"
        " of a 422 says what is wrong with the query (`query_invalid`, `writes`,"
        " `not_one_statement`, `column_missing`, …), that of a 409 what is with its database"
        " (`unreachable`, `sign_in_failed`, `timed_out`, …). Ends within 30 seconds.",
        body=schemas.PreviewForm,
        max_body_bytes=schemas.MAX_PREVIEW_BYTES,
        answer=responses.of(schemas.PreviewAnswer, "The first rows."),
        refusals=(404, 409, 422),
    ),
)

blueprint = operations.blueprint("databases", OPERATIONS)
