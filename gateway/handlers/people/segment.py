"""Segment's HTTP tracking API, for the libraries that speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.handlers.http import operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.people import answers, requests, response_schemas
from gateway.sources.people import segment

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor
    from gateway.core.people.items import Window
    from gateway.flows.people.ingest import Taken
    from gateway.sources.people.segment import Calls


def track(raw: bytes, query: requests.OfSource, actor: Actor) -> Response:
    """Store an event."""
    return _single(raw, segment.TRACK, query, actor)


def identify(raw: bytes, query: requests.OfSource, actor: Actor) -> Response:
    """Merge the traits of a person."""
    return _single(raw, segment.IDENTIFY, query, actor)


def batch(raw: bytes, query: requests.OfSource, actor: Actor) -> Response:
    """Take what is kept of a batch."""
    times = answers.window()
    calls = segment.batch(raw, times)
    taken = _take(calls, query, actor, times)
    told = {"success": True, "ignored": calls.ignored}
    return responses.plain(told | answers.rejections(taken))


def _single(raw: bytes, kind: str, query: requests.OfSource, actor: Actor) -> Response:
    times = answers.window()
    calls = segment.single(raw, kind, times)
    _take(calls, query, actor, times)
    segment.require_taken(calls)
    return responses.plain({"success": True})


def _take(calls: Calls, query: requests.OfSource, actor: Actor, times: Window) -> Taken:
    return answers.take(
        query.source,
        actor,
        times,
        events=calls.events,
        patches=calls.patches,
        rejected=calls.rejected,
    )


_WHOSE: Final = (
    "Any server-side library of Segment can be pointed here, with an API key for its write key."
    " Only `userId` identifies a person."
)

OPERATIONS: Final = (
    Operation(
        name="track",
        method="POST",
        rule="/v1/track",
        view=track,
        scope=Scope.INGEST,
        acts=True,
        key_as_user=True,
        topic=topics.INGEST,
        summary="Store an event, as Segment's libraries send it",
        description=_WHOSE,
        query=requests.OfSourceQuery,
        reads={responses.JSON: requests.SegmentCallBody},
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.SegmentAnswer, "It is on disk."),
        refusals=(404, 409, 413),
    ),
    Operation(
        name="identify",
        method="POST",
        rule="/v1/identify",
        view=identify,
        scope=Scope.INGEST,
        acts=True,
        key_as_user=True,
        topic=topics.INGEST,
        summary="Write traits of a person, as Segment's libraries send them",
        description=_WHOSE,
        query=requests.OfSourceQuery,
        reads={responses.JSON: requests.SegmentCallBody},
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.SegmentAnswer, "It is on disk."),
        refusals=(404, 409, 413),
    ),
    Operation(
        name="batch",
        method="POST",
        rule="/v1/batch",
        view=batch,
        scope=Scope.INGEST,
        acts=True,
        key_as_user=True,
        topic=topics.INGEST,
        summary="Take a batch of calls, as Segment's libraries send it",
        description=_WHOSE + " Calls of other types than `track` and `identify` are counted as"
        " ignored.",
        query=requests.OfSourceQuery,
        reads={responses.JSON: requests.SegmentBatchBody},
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.SegmentBatchAnswer, "It is on disk."),
        refusals=(404, 409, 413),
    ),
)

blueprint = operations.blueprint("segment", OPERATIONS)
