"""The API of indexes, which make rules on a property of many events fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response

from gateway.core.access.scopes import Scope
from gateway.flows.behaviour import indexing
from gateway.flows.people import ingest
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Answer, Operation
from gateway.handlers.http.variables import Variable
from gateway.handlers.people import response_schemas
from gateway.handlers.people.requests import OfSourceQuery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.core.access.actor import Actor
    from gateway.flows.behaviour.indexing import Index
    from gateway.handlers.people.requests import OfSource

VARIABLES: Final[Mapping[str, Variable]] = {
    "property_path": Variable(
        description="The path of a property, with dots as in a rule, percent-encoded.",
        example="brand",
    ),
}


def list_event_indexes(query: OfSource, actor: Actor) -> Response:
    source = ingest.choose_source(query.source, actor)
    found = indexing.listing(deps.current().reading, source)
    return responses.plain({"event_indexes": [_index(one) for one in found]})


def get_event_index(event_name: str, property_path: str, query: OfSource, actor: Actor) -> Response:
    source = ingest.choose_source(query.source, actor)
    found = indexing.find(deps.current().reading, source, event_name, property_path)
    return responses.plain(_index(found))


def post_event_index(
    event_name: str, property_path: str, query: OfSource, actor: Actor
) -> Response:
    given, source = deps.current(), ingest.choose_source(query.source, actor)
    made = indexing.request(
        given.reading, source, event_name, property_path, now=given.now(), actor=actor
    )
    return responses.plain(_index(made), status=202)


def delete_event_index(
    event_name: str, property_path: str, query: OfSource, actor: Actor
) -> Response:
    given, source = deps.current(), ingest.choose_source(query.source, actor)
    indexing.request_drop(
        given.reading, source, event_name, property_path, now=given.now(), actor=actor
    )
    return Response(status=202)


def _index(one: Index) -> dict[str, Any]:
    return {
        "source": one.source,
        "event": one.name,
        "property": list(one.path),
        "state": one.state,
        "error": one.error,
        "requested_at": one.requested_at,
        "ready_at": one.ready_at,
    }


_RULE: Final = "/v1/event-names/<raw:event_name>/properties/<raw:property_path>/index"
_SHOWN: Final = response_schemas.EventIndexAnswer

OPERATIONS: Final = (
    Operation(
        name="list_event_indexes",
        method="GET",
        rule="/v1/event-indexes",
        view=list_event_indexes,
        scope=Scope.READ,
        acts=True,
        topic=topics.RULES,
        summary="List the properties of events that have an index",
        query=OfSourceQuery,
        answer=responses.of(response_schemas.EventIndexesAnswer, "The indexes."),
        refusals=(404, 409),
    ),
    Operation(
        name="get_event_index",
        method="GET",
        rule=_RULE,
        view=get_event_index,
        scope=Scope.READ,
        acts=True,
        topic=topics.RULES,
        summary="Read how far the index of a property is",
        query=OfSourceQuery,
        answer=responses.of(_SHOWN, "The index."),
        refusals=(404, 409, 422),
    ),
    Operation(
        name="post_event_index",
        method="POST",
        rule=_RULE,
        view=post_event_index,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.RULES,
        summary="Have an index of a property of a name's events built",
        description="It is built in the background, while events come in; rules that compare this"
        " property then read only the events that can match. One that failed is tried again.",
        query=OfSourceQuery,
        answer=responses.of(_SHOWN, "It is under way.", status=202),
        refusals=(404, 409, 422),
    ),
    Operation(
        name="delete_event_index",
        method="DELETE",
        rule=_RULE,
        view=delete_event_index,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.RULES,
        summary="Drop the index of a property",
        description="Rules are no faster than before by it; what they find stays the same.",
        query=OfSourceQuery,
        answer=Answer(status=202, description="It is under way.", content={}),
        refusals=(404, 409, 422),
    ),
)

blueprint = operations.blueprint("event_indexes", OPERATIONS)
