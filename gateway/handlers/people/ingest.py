"""The API that takes people and events, in our own shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request

from gateway.core.access.scopes import Scope
from gateway.core.people import items
from gateway.handlers.http import operations, responses, topics
from gateway.handlers.http.operations import Operation, Text
from gateway.handlers.people import answers, requests, response_schemas
from gateway.sources.people import bodies, own

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor


def post_people(raw: bytes, query: requests.OfSource, actor: Actor) -> Response:
    """Merge the traits of people."""
    times, media_type = answers.window(), request.content_type or ""
    posted = bodies.read(raw, media_type, "people", most=items.MAX_PEOPLE)
    patches, rejected = own.people(posted.items)
    taken = answers.take(
        posted.source or query.source, actor, times, patches=patches, rejected=rejected
    )
    told = {"accepted": taken.accepted, "created": taken.created}
    return responses.plain(told | answers.rejections(taken))


def post_events(raw: bytes, query: requests.OfSource, actor: Actor) -> Response:
    """Store events."""
    times, media_type = answers.window(), request.content_type or ""
    posted = bodies.read(raw, media_type, "events", most=items.MAX_EVENTS)
    events, rejected = own.events(posted.items, times)
    taken = answers.take(
        posted.source or query.source, actor, times, events=events, rejected=rejected
    )
    told = {"accepted": taken.accepted, "duplicate": taken.duplicate}
    return responses.plain(told | answers.rejections(taken))


_NDJSON: Final = "application/x-ndjson"

OPERATIONS: Final = (
    Operation(
        name="post_people",
        method="POST",
        rule="/v1/people",
        view=post_people,
        scope=Scope.INGEST,
        acts=True,
        topic=topics.INGEST,
        summary="Write traits of people",
        description="At most 1,000 at once. Traits are merged with those that are kept; null"
        " removes one. An item that cannot be taken is rejected by itself; any answer but 200 means"
        " that nothing was kept.",
        query=requests.OfSourceQuery,
        reads={
            responses.JSON: requests.PeopleBody,
            _NDJSON: Text(
                description="A person a line; the source is that of the query.",
                example='{"person_id":"u-1842","traits":{"plan":"pro"}}\n',
                line=requests.PersonBody,
            ),
        },
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.PeopleTakenAnswer, "It is on disk."),
        refusals=(404, 409, 413),
    ),
    Operation(
        name="post_events",
        method="POST",
        rule="/v1/events",
        view=post_events,
        scope=Scope.INGEST,
        acts=True,
        topic=topics.INGEST,
        summary="Store events of people",
        description="At most 2,000 at once. An event of an unknown person creates the person. Of"
        " events with one `event_id` the first that arrives is stored. An item that cannot be taken"
        " is rejected by itself; any answer but 200 means that nothing was kept.",
        query=requests.OfSourceQuery,
        reads={
            responses.JSON: requests.EventsBody,
            _NDJSON: Text(
                description="An event a line; the source is that of the query.",
                example='{"person_id":"u-1842","event":"purchase","properties":{"price":1500}}\n',
                line=requests.EventBody,
            ),
        },
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.EventsTakenAnswer, "It is on disk."),
        refusals=(404, 409, 413),
    ),
)

blueprint = operations.blueprint("ingest", OPERATIONS)
