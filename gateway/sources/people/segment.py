"""Segment's HTTP tracking API: tracks are events, identifies are traits, the rest is ignored.

https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.people import items
from gateway.core.people.items import Code, Event, Patch, Rejection
from gateway.sources.people import bodies, objects, own

if TYPE_CHECKING:
    from gateway.core.people.items import Rejected, Window

TRACK: Final = "track"
IDENTIFY: Final = "identify"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calls:
    """What a request calls for; `ignored` counts calls of types that are not kept."""

    events: list[Event]
    patches: list[Patch]
    rejected: list[Rejected]
    ignored: int = 0


def batch(raw: bytes, window: Window) -> Calls:
    """Read the calls of a batch. Raises errors.Malformed, and errors.TooLarge for too many."""
    posted = bodies.read(raw, "", "batch", most=items.MAX_EVENTS)
    return _calls(posted.items, window, None)


def single(raw: bytes, kind: str, window: Window) -> Calls:
    """Read a body that is one call of a type. Raises errors.Malformed."""
    return _calls([bodies.an_object(raw)], window, kind)


def _calls(posted: list[object], window: Window, kind: str | None) -> Calls:
    def read(index: int, sent: dict[str, object]) -> Event | Patch | None:
        match kind or sent.get("type"):
            case "track":
                return _event(sent, window)
            case "identify":
                return _patch(index, sent)
            case _:
                return None

    taken, rejected = own.each(posted, read)
    return Calls(
        events=[one for one in taken if isinstance(one, Event)],
        patches=[one for one in taken if isinstance(one, Patch)],
        rejected=rejected,
        ignored=sum(one is None for one in taken),
    )


def require_taken(calls: Calls) -> None:
    """Raise errors.Malformed if the one call of a request was rejected."""
    for one in calls.rejected:
        raise errors.Malformed(one.message, code=one.code)


def _event(sent: dict[str, object], window: Window) -> Event:
    return Event(
        person_id=_person_id(sent),
        name=items.name(sent.get("event")),
        time=window.time(sent.get("timestamp"), "timestamp"),
        event_id=items.event_id(sent.get("messageId"), "messageId"),
        properties=objects.write(objects.read(sent.get("properties"), "properties"), "properties"),
    )


def _patch(index: int, sent: dict[str, object]) -> Patch:
    person_id = _person_id(sent)
    traits = objects.members(objects.read(sent.get("traits"), "traits"), "traits")
    return Patch(index=index, person_id=person_id, traits=traits)


def _person_id(sent: dict[str, object]) -> str:
    user_id = sent.get("userId")
    if user_id in (None, "") and sent.get("anonymousId") not in (None, ""):
        raise Rejection(
            Code.ANONYMOUS, "userId: is missing; an anonymousId alone identifies no person here"
        )
    return items.person_id(user_id, "userId")
