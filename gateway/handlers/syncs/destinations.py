"""The query API's destinations: what each is set to, and how it fares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.syncs import catalog, trial
from gateway.flows.syncs import destinations as flow
from gateway.handlers.http import cursors, deps, operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.syncs import requests, response_schemas

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor


def list_destinations(query: requests.DestinationsAsked) -> Response:
    given, cursor = deps.current(), cursors.DESTINATIONS.of(query.kind)
    (after,) = cursor.read(query.cursor, start=("",))
    found = catalog.listing(
        given.reading, given.sending, kind=query.kind, after=after, limit=query.limit
    )
    return responses.part(response_schemas.DestinationsAnswer, "destinations", found, cursor)


def get_destination(slug: str) -> Response:
    given = deps.current()
    found = catalog.entry(given.reading, given.sending, slug)
    return responses.value(response_schemas.DestinationAnswer, found)


def create_destination(body: flow.Wanted, actor: Actor) -> Response:
    """Make a destination."""
    given = deps.current()
    flow.add(given.reading, body, given.sending, now=given.now(), actor=actor)
    found = catalog.entry(given.reading, given.sending, body.slug)
    return responses.value(response_schemas.DestinationAnswer, found, status=201)


def change_destination(slug: str, body: flow.Changes, actor: Actor) -> Response:
    given = deps.current()
    flow.change(given.reading, slug, body, given.sending, now=given.now(), actor=actor)
    found = catalog.entry(given.reading, given.sending, slug)
    return responses.value(response_schemas.DestinationAnswer, found)


def remove_destination(slug: str, actor: Actor) -> Response:
    """Remove a destination."""
    given = deps.current()
    flow.remove(given.reading, slug, now=given.now(), actor=actor)
    return responses.nothing()


def try_destination(slug: str, actor: Actor) -> Response:
    given = deps.current()
    with given.waits.turn():
        found = trial.run(given.reading, given.sending, slug, now=given.now(), actor=actor)
    return responses.value(response_schemas.TrialAnswer, found)


OPERATIONS: Final = (
    Operation(
        name="list_destinations",
        method="GET",
        rule="/v1/destinations",
        view=list_destinations,
        scope=Scope.READ,
        topic=topics.DESTINATIONS,
        summary="List destinations",
        description="In the order of their slugs.",
        query=requests.DestinationsQuery,
        answer=responses.of(response_schemas.DestinationsAnswer, "A part of the list."),
    ),
    Operation(
        name="get_destination",
        method="GET",
        rule="/v1/destinations/<raw:slug>",
        view=get_destination,
        scope=Scope.READ,
        topic=topics.DESTINATIONS,
        summary="Read a destination",
        answer=responses.of(response_schemas.DestinationAnswer, "The destination."),
        refusals=(404,),
    ),
    Operation(
        name="create_destination",
        method="POST",
        rule="/v1/destinations",
        view=create_destination,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.DESTINATIONS,
        summary="Make a destination",
        body=requests.NewDestinationForm,
        max_body_bytes=requests.MAX_DESTINATION_BYTES,
        answer=responses.of(response_schemas.DestinationAnswer, "The destination.", status=201),
        refusals=(409, 422),
    ),
    Operation(
        name="remove_destination",
        method="DELETE",
        rule="/v1/destinations/<raw:slug>",
        view=remove_destination,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.DESTINATIONS,
        summary="Remove a destination",
        description="One that sync jobs use is 409 `in_use`; delete these first.",
        answer=operations.NOTHING,
        refusals=(404, 409),
    ),
    Operation(
        name="change_destination",
        method="PATCH",
        rule="/v1/destinations/<raw:slug>",
        view=change_destination,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.DESTINATIONS,
        summary="Rename, pause, resume or set up a destination anew",
        description="What is left out stays. A change of where secrets travel must bring them"
        " again: 422 `secrets_needed`.",
        body=requests.DestinationForm,
        max_body_bytes=requests.MAX_DESTINATION_BYTES,
        answer=responses.of(response_schemas.DestinationAnswer, "The destination as it is now."),
        refusals=(404, 409, 422),
    ),
    Operation(
        name="try_destination",
        method="POST",
        rule="/v1/destinations/<raw:slug>/test",
        view=try_destination,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.DESTINATIONS,
        summary="Try a destination",
        description="Proves the credentials step by step, up to the first that fails, and changes"
        " nothing there.",
        answer=responses.of(response_schemas.TrialAnswer, "How each step went."),
        refusals=(404, 422),
    ),
)

blueprint = operations.blueprint("destinations", OPERATIONS)
