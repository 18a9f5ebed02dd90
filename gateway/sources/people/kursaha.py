"""Kursaha's two shapes: signals, which are events, and the data of a customer, which is traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.people import items
from gateway.core.people.items import Event, Patch
from gateway.sources.people import bodies, objects, own

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.core.people.items import Rejected, Window

# Its names of traits, old and new, as ours; both spellings of one fill the same trait.
TRAITS: Final[Mapping[str, str]] = {
    "phoneNumber": "phone",
    "firstName": "first_name",
    "lastName": "last_name",
    "dateOfBirth": "dob",
}


def signals(raw: bytes, window: Window) -> tuple[list[Event], list[Rejected], str | None]:
    """Read the signals of a request, and the source that it names.

    Raises errors.Malformed, and errors.TooLarge for too many.
    """
    sent = bodies.an_object(raw)
    posted = bodies.listed(sent, "signals", most=items.MAX_EVENTS)
    identifier = sent.get("requestIdentifier")
    if identifier is not None and not isinstance(identifier, str):
        raise errors.Malformed("requestIdentifier: must be text")

    def read(index: int, one: dict[str, object]) -> Event:
        return Event(
            person_id=items.person_id(_first(one, "customerId", "emitterId"), "customerId"),
            name=items.name(_first(one, "eventType", "stepNodeId"), "eventType"),
            time=window.now,
            event_id=items.event_id(f"{identifier}#{index}" if identifier else None),
            properties=objects.write(objects.read(one.get("data"), "data"), "data"),
        )

    taken, rejected = own.each(posted.items, read)
    return taken, rejected, posted.source


def customer(raw: bytes) -> tuple[list[Patch], list[Rejected], str | None]:
    """Read the data of a customer, and the source that the request names."""
    sent = bodies.an_object(raw)

    def read(index: int, one: dict[str, object]) -> Patch:
        person_id = items.person_id(_first(one, "customerId", "emitterId"), "customerId")
        data = objects.read(one.get("customerData"), "customerData")
        named: dict[str, object] = {}
        for name, value in data.items():
            trait = TRAITS.get(name, name)
            if value is not None or named.get(trait) is None:  # one spelling removes no other's
                named[trait] = value
        traits = objects.members(named, "customerData")
        return Patch(index=index, person_id=person_id, traits=traits)

    return *own.each([sent], read), bodies.source_of(sent)


def _first(sent: dict[str, object], *names: str) -> object:
    """Return the first of some spellings that has a value."""
    return next((sent[name] for name in names if sent.get(name) is not None), None)
