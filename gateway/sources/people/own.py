"""People and events in our own shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.people import items
from gateway.core.people.items import Code, Event, Patch, Rejected, Rejection
from gateway.sources.people import objects
from gateway.sources.people.bodies import NotJson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from gateway.core.people.items import Window

    T = TypeVar("T")


def events(posted: Iterable[object], window: Window) -> tuple[list[Event], list[Rejected]]:
    """Read posted events, each by itself."""
    return each(posted, lambda _, sent: event(sent, window))


def people(posted: Iterable[object]) -> tuple[list[Patch], list[Rejected]]:
    """Read posted people, each by itself."""
    return each(posted, patch)


def each(
    posted: Iterable[object], read: Callable[[int, dict[str, object]], T]
) -> tuple[list[T], list[Rejected]]:
    """Read items one by one; those that cannot be taken are rejected under their number."""
    taken: list[T] = []
    rejected: list[Rejected] = []
    for index, sent in enumerate(posted):
        try:
            taken.append(read(index, an_object(sent)))
        except Rejection as problem:
            rejected.append(_rejected(index, sent, problem))
    return taken, rejected


def an_object(sent: object) -> dict[str, object]:
    """Return an item that is an object. Raises Rejection."""
    if isinstance(sent, dict):
        return sent
    if isinstance(sent, NotJson):
        raise Rejection(Code.NOT_JSON, "this line is no JSON; send one object a line")
    raise Rejection(Code.NOT_AN_OBJECT, "must be an object")


def event(sent: dict[str, object], window: Window) -> Event:
    """Read an event. Raises Rejection."""
    return Event(
        person_id=items.person_id(sent.get("person_id")),
        name=items.name(sent.get("event")),
        time=window.time(sent.get("time")),
        event_id=items.event_id(sent.get("event_id")),
        properties=objects.write(objects.read(sent.get("properties"), "properties"), "properties"),
    )


def patch(index: int, sent: dict[str, object]) -> Patch:
    """Read a person. Raises Rejection."""
    person_id = items.person_id(sent.get("person_id"))
    traits = objects.members(objects.read(sent.get("traits"), "traits"), "traits")
    return Patch(index=index, person_id=person_id, traits=traits)


def _rejected(index: int, sent: object, problem: Rejection) -> Rejected:
    """Note a rejected item, with as much of it as tells an engineer which one it was."""
    return Rejected(
        index=index,
        code=problem.code,
        message=str(problem),
        person_id=_shown(sent, "person_id", "userId", "customerId", "emitterId") or "",
        event=_shown(sent, "event", "eventType", "stepNodeId"),
    )


def _shown(sent: object, *names: str) -> str | None:
    if not isinstance(sent, dict):
        return None
    found = (sent[name] for name in names if isinstance(sent.get(name), str | int))
    text = next(found, None)
    return None if text is None else items.shown(text)
