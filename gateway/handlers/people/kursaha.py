"""Kursaha's two calls, for programs that speak them already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.handlers.http import operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.people import answers, requests, response_schemas
from gateway.sources.people import kursaha

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor


def signal(raw: bytes, query: requests.OfSource, actor: Actor) -> Response:
    """Store signals as events."""
    times = answers.window()
    events, rejected, source = kursaha.signals(raw, times)
    taken = answers.take(source or query.source, actor, times, events=events, rejected=rejected)
    told = {"accepted": taken.accepted, "duplicate": taken.duplicate}
    return responses.plain(told | answers.rejections(taken))


def customer(raw: bytes, query: requests.OfSource, actor: Actor) -> Response:
    """Merge the data of a customer into the traits of a person."""
    times = answers.window()
    patches, rejected, source = kursaha.customer(raw)
    taken = answers.take(source or query.source, actor, times, patches=patches, rejected=rejected)
    for one in taken.rejected:
        raise errors.Malformed(one.message, code=one.code)
    told = {"accepted": taken.accepted, "created": taken.created}
    return responses.plain(told | answers.rejections(taken))


OPERATIONS: Final = (
    Operation(
        name="signal",
        method="POST",
        rule="/kursaha/api/event-flows/signal",
        view=signal,
        scope=Scope.INGEST,
        acts=True,
        topic=topics.INGEST,
        summary="Store events, as Kursaha's libraries send them",
        description="Each signal has `customerId` or `emitterId`, `eventType` or `stepNodeId`, and"
        " `data`. With a `requestIdentifier` a repeated request stores nothing again.",
        query=requests.OfSourceQuery,
        reads={responses.JSON: requests.SignalsBody},
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.EventsTakenAnswer, "It is on disk."),
        refusals=(404, 409, 413),
    ),
    Operation(
        name="customer",
        method="POST",
        rule="/kursaha/api/customers",
        view=customer,
        scope=Scope.INGEST,
        acts=True,
        topic=topics.INGEST,
        summary="Write traits of a person, as Kursaha's libraries send them",
        description="`phoneNumber` is kept as `phone`, `firstName` and `lastName` as `first_name`"
        " and `last_name`, and `dateOfBirth` as `dob`.",
        query=requests.OfSourceQuery,
        reads={responses.JSON: requests.CustomerBody},
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.PeopleTakenAnswer, "It is on disk."),
        refusals=(404, 409, 413),
    ),
)

blueprint = operations.blueprint("kursaha", OPERATIONS)
