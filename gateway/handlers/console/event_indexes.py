"""Indexes of properties, on the page of the events: asked for and dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.people.source import BUILT_IN
from gateway.flows.behaviour import indexing
from gateway.handlers.console import pages, people, session
from gateway.handlers.console.pages import Act
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Response

    from gateway.handlers.console.forms import Form


def add(form: Form) -> Response:
    """Have the index of a property built."""
    given, slug = deps.current(), people.source()
    event, path = form.get("index_event", "").strip(), form.get("index_property", "").strip()
    indexing.request(
        given.reading, slug, event, path, now=given.now(), actor=session.visitor().actor
    )
    return _back(slug, "index_requested")


def drop(form: Form) -> Response:
    given, slug = deps.current(), people.source()
    event, path = form.get("index_event", ""), form.get("index_property", "")
    indexing.request_drop(
        given.reading, slug, event, path, now=given.now(), actor=session.visitor().actor
    )
    return _back(slug, "index_dropped")


def _back(slug: str, done: str) -> Response:
    return pages.go("events", done=done, source=slug if slug != BUILT_IN else None)


PAGES: Final = (
    Act(name="add", rule="/events/indexes", view=add),
    Act(name="drop", rule="/events/indexes/drop", view=drop),
)

blueprint = pages.blueprint("event_indexes", PAGES)
