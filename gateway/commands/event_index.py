"""`event-index`: properties of events that have an index, so that rules on them are fast."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.core.people.source import BUILT_IN
from gateway.flows.behaviour import indexing

if TYPE_CHECKING:
    from gateway.flows.behaviour.indexing import Index

_SOURCE = click.option(
    "--source", metavar="SLUG", default=BUILT_IN, show_default=True, help="Of which source."
)


@click.group("event-index")
def event_index() -> None:
    """Manage the properties of events that have an index, which makes rules on them fast.

    Example: python -m gateway event-index list
    """


@event_index.command()
@click.argument("event")
@click.argument("path", metavar="PROPERTY")
@_SOURCE
@output.as_json
def add(*, event: str, path: str, source: str, as_json: bool) -> None:
    """Have an index of a property built in the background; one that failed is tried again.

    Example: python -m gateway event-index add purchase brand
    """
    with place.database(place.settings()) as pool:
        made = indexing.request(pool, source, event, path, now=place.now(), actor=COMMAND)
    if as_json:
        output.document(_as_json(made))
        return
    output.say("The scheduler builds the index; `event-index list` tells when it is ready.")


@event_index.command("list")
@_SOURCE
@output.as_json
def list_indexes(*, source: str, as_json: bool) -> None:
    """List the properties that have an index, and how far each is.

    Example: python -m gateway event-index list --json
    """
    with place.database(place.settings()) as pool:
        found = indexing.listing(pool, source)
    if as_json:
        output.document([_as_json(one) for one in found])
        return
    rows = [(one.name, ".".join(one.path), one.state, one.error or "-") for one in found]
    place.table(("EVENT", "PROPERTY", "STATE", "ERROR"), rows)


@event_index.command()
@click.argument("event")
@click.argument("path", metavar="PROPERTY")
@_SOURCE
@output.as_json
def drop(*, event: str, path: str, source: str, as_json: bool) -> None:
    """Drop the index of a property; what rules find stays the same.

    Example: python -m gateway event-index drop purchase brand
    """
    with place.database(place.settings()) as pool:
        indexing.request_drop(pool, source, event, path, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"source": source, "event": event, "property": path, "dropped": True})
        return
    output.say("The scheduler drops the index.")


def _as_json(one: Index) -> dict[str, object]:
    return {
        **dataclasses.asdict(one),
        "requested_at": place.moment(one.requested_at),
        "ready_at": place.moment(one.ready_at),
    }
