"""The API that reads people and events, and deletes events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import Response

from gateway.core.access.scopes import Scope
from gateway.flows.people import forget, ingest, lookup
from gateway.flows.people.lookup import Between
from gateway.handlers.http import cursors, deps, operations, responses, topics
from gateway.handlers.http.operations import Answer, Operation
from gateway.handlers.http.variables import Variable
from gateway.handlers.people import requests, response_schemas

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.core.access.actor import Actor
    from gateway.flows.people.lookup import Property, Seen

VARIABLES: Final[Mapping[str, Variable]] = {
    "person_id": Variable(description="The id of a person, percent-encoded.", example="u-1842"),
    "event_name": Variable(
        description="The name of an event, percent-encoded.", example="purchase"
    ),
}

_LAST_ID: Final = 2**63 - 1


def get_person(person_id: str, query: requests.OfSource, actor: Actor) -> Response:
    source = ingest.choose_source(query.source, actor)
    found = lookup.person(deps.current().reading, source, person_id)
    return responses.plain(
        {
            "source": source,
            "person_id": found.person_id,
            "traits": orjson.Fragment(found.traits),
            "first_seen_at": found.first_seen_at,
            "last_seen_at": found.last_seen_at,
        }
    )


def list_person_events(person_id: str, query: requests.EventsAsked, actor: Actor) -> Response:
    source = ingest.choose_source(query.source, actor)
    between = Between(event=query.event, after=query.after, before=query.before)
    asked = (source, person_id, query.event, str(query.after), str(query.before))
    cursor = cursors.EVENTS.of(*asked)
    position = cursor.read(query.cursor, start=())
    found = lookup.events(
        deps.current().reading,
        source,
        person_id,
        between,
        position=(position[0], position[1]) if position else None,
        limit=query.limit,
    )
    return responses.plain_part("events", found, cursor, beside={}, shown=_event)


def list_recent_events(query: requests.RecentAsked, actor: Actor) -> Response:
    source = ingest.choose_source(query.source, actor)
    wanted = lookup.Wanted(event=query.event, person_id=query.person_id, rejected=query.rejected)
    cursor = cursors.RECENT_EVENTS.of(source, query.event, query.person_id, str(query.rejected))
    (below,) = cursor.read(query.cursor, start=(_LAST_ID,))
    found = lookup.recent(deps.current().reading, source, wanted, below=below, limit=query.limit)
    return responses.plain_part("events", found, cursor, beside={}, shown=_recent)


def delete_events(query: requests.Doomed, actor: Actor) -> Response:
    given = deps.current()
    source = ingest.choose_source(query.source, actor)
    forget.delete_events(
        given.reading, source, name=query.event, before=query.before, now=given.now(), actor=actor
    )
    return Response(status=202)


def list_event_names(query: requests.OfSource, actor: Actor) -> Response:
    given, source = deps.current(), ingest.choose_source(query.source, actor)
    shown = [
        {
            "name": one.name,
            "predefined": one.predefined,
            "count": one.events,
            "days": [{"day": day, "count": count} for day, count in sorted(one.days.items())],
        }
        for one in lookup.names(given.reading, source, now=given.now())
    ]
    return responses.plain({"event_names": shown})


def list_event_properties(event_name: str, query: requests.OfSource, actor: Actor) -> Response:
    source = ingest.choose_source(query.source, actor)
    found = lookup.properties(deps.current().reading, source, event_name)
    return responses.plain({"name": event_name, "properties": _properties(found)})


def list_traits(query: requests.OfSource, actor: Actor) -> Response:
    source = ingest.choose_source(query.source, actor)
    found = lookup.traits(deps.current().reading, source)
    return responses.plain({"traits": _properties(found)})


def _event(one: Seen) -> dict[str, Any]:
    return {
        "event": one.event,
        "time": one.time,
        "event_id": one.event_id,
        "properties": None if one.properties is None else orjson.Fragment(one.properties),
        "received_at": one.received_at,
    }


def _recent(one: Seen) -> dict[str, Any]:
    reason = None if one.code is None else {"code": one.code, "message": one.message}
    return {"person_id": one.person_id, **_event(one), "rejected": reason}


def _properties(found: Iterable[Property]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "types": list(one.types), "values": orjson.Fragment(one.values)}
        for one in found
    ]


OPERATIONS: Final = (
    Operation(
        name="get_person",
        method="GET",
        rule="/v1/people/<raw:person_id>",
        view=get_person,
        scope=Scope.READ,
        acts=True,
        topic=topics.PEOPLE,
        summary="Read a person",
        query=requests.OfSourceQuery,
        answer=responses.of(response_schemas.PersonAnswer, "The person."),
        refusals=(404, 409),
    ),
    Operation(
        name="list_person_events",
        method="GET",
        rule="/v1/people/<raw:person_id>/events",
        view=list_person_events,
        scope=Scope.READ,
        acts=True,
        topic=topics.PEOPLE,
        summary="List the events of a person",
        description="The newest first.",
        query=requests.EventsQuery,
        answer=responses.of(response_schemas.EventsAnswer, "A part of the list."),
        refusals=(404, 409),
    ),
    Operation(
        name="list_recent_events",
        method="GET",
        rule="/v1/events/recent",
        view=list_recent_events,
        scope=Scope.READ,
        acts=True,
        topic=topics.PEOPLE,
        summary="List the events that arrived last",
        description="The last 1,000 of the source, rejected ones with the reason among them; of"
        " these those that the filters leave.",
        query=requests.RecentQuery,
        answer=responses.of(response_schemas.RecentAnswer, "A part of the list."),
        refusals=(404, 409),
    ),
    Operation(
        name="delete_events",
        method="DELETE",
        rule="/v1/events",
        view=delete_events,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.PEOPLE,
        summary="Delete events of a name, before a time, or both",
        description="Those that have arrived by now; their `event_id`s are forgotten, so they"
        " can be sent again. Deleting goes on in the background.",
        query=requests.DoomedQuery,
        answer=Answer(status=202, description="It is under way.", content={}),
        refusals=(404, 409),
    ),
    Operation(
        name="list_event_names",
        method="GET",
        rule="/v1/event-names",
        view=list_event_names,
        scope=Scope.READ,
        acts=True,
        topic=topics.PEOPLE,
        summary="List the names of events",
        description="Those that were seen, with their counts by day (UTC), and five that are known"
        " before.",
        query=requests.OfSourceQuery,
        answer=responses.of(response_schemas.EventNamesAnswer, "The names."),
        refusals=(404, 409),
    ),
    Operation(
        name="list_event_properties",
        method="GET",
        rule="/v1/event-names/<raw:event_name>/properties",
        view=list_event_properties,
        scope=Scope.READ,
        acts=True,
        topic=topics.PEOPLE,
        summary="List the properties of a name's events",
        description="Their JSON types and frequent values, from a sample of the newest events,"
        " which is taken by the hour where there are many. A value is shown if at least 5 people"
        " share it.",
        query=requests.OfSourceQuery,
        answer=responses.of(response_schemas.PropertiesAnswer, "The properties."),
        refusals=(404, 409),
    ),
    Operation(
        name="list_traits",
        method="GET",
        rule="/v1/traits",
        view=list_traits,
        scope=Scope.READ,
        acts=True,
        topic=topics.PEOPLE,
        summary="List the traits of people",
        description="Their JSON types and frequent values, from a sample of the people that were"
        " written last, which is taken by the hour where there are many. A value is shown if at"
        " least 5 people share it.",
        query=requests.OfSourceQuery,
        answer=responses.of(response_schemas.TraitsAnswer, "The traits."),
        refusals=(404, 409),
    ),
)

blueprint = operations.blueprint("people", OPERATIONS)
