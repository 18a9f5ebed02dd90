"""People: found by id or e-mail, with traits, events and cohorts; and the events that arrived."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from gateway.flows import erasure
from gateway.flows.behaviour import indexing
from gateway.flows.cohorts import erase as erasing
from gateway.flows.cohorts import lookup as cohorts
from gateway.flows.people import ingest, lookup
from gateway.flows.people.lookup import Between
from gateway.flows.syncs import sent
from gateway.handlers.console import forms, pages, session, words
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response

    from gateway.handlers.console.forms import Form

FOUND: Final = 20
_LAST_ID: Final = 2**63 - 1


def source() -> str:
    """Return the source of people that a page is of."""
    return ingest.choose_source(forms.asked("source") or None, session.visitor().actor)


def show() -> Response:
    given, slug, wanted = deps.current(), source(), forms.asked("q", most=1024)
    found = lookup.find(given.reading, slug, wanted, limit=FOUND)
    listed = [(one, json.loads(one.traits)) for one in found]
    return pages.render("people/list.html", source=slug, q=wanted, found=listed)


def show_one(person_id: str) -> Response:
    given, slug, event = deps.current(), source(), forms.asked("event")
    cursor = cursors.EVENTS.of("console", slug, person_id, event)
    position = cursor.read(forms.asked("cursor", most=4000), start=())
    found = lookup.portrait(
        given.reading,
        slug,
        person_id,
        Between(event=event or None),
        position=(position[0], position[1]) if position else None,
        limit=pages.ROWS,
    )
    return pages.render(
        "people/person.html",
        source=slug,
        person=found.person,
        traits=json.loads(found.person.traits),
        events=[(one, json.loads(one.properties or "{}")) for one in found.events.items],
        event=event,
        more=cursor.write(found.events.end),
    )


def show_cohorts(person_id: str) -> Response:
    given, cursor = deps.current(), cursors.JOINED.of("console", person_id)
    (after,) = cursor.read(forms.asked("cursor"), start=(0,))
    found = cohorts.cohorts_of(
        given.readers,
        person_id,
        source=None,
        project_id=None,
        now=given.now(),
        after=after,
        limit=pages.ROWS,
    )
    return pages.render(
        "people/cohorts.html",
        source=source(),
        person_id=person_id,
        found=found.items,
        more=cursor.write(found.end),
        after=after,
    )


def show_sent(person_id: str) -> Response:
    """Show where a person was sent, by whichever cohort; the id may be known to no source."""
    given, cursor = deps.current(), cursors.SYNC_JOBS.of("console sent", person_id)
    (after,) = cursor.read(forms.asked("cursor"), start=(0,))
    found = sent.of_person(given.reading, given.sending, person_id, after=after, limit=pages.ROWS)
    return pages.render(
        "people/sent.html",
        source=source(),
        person_id=person_id,
        found=found.items,
        more=cursor.write(found.end),
        after=after,
    )


def erase(person_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    """Erase a person everywhere, as the API does."""
    given = deps.current()
    erasure.erase(given.reading, person_id, erasing.Where(), now=given.now())
    given.readers.settle()
    return pages.go("people", done="erased")


def show_events() -> Response:
    given, slug = deps.current(), source()
    event, person_id, only = (
        forms.asked(name, most=1024) for name in ("event", "person_id", "only")
    )
    cursor = cursors.RECENT_EVENTS.of("console", slug, event, person_id, only)
    (below,) = cursor.read(forms.asked("cursor"), start=(_LAST_ID,))
    wanted = lookup.Wanted(
        event=event or None,
        person_id=person_id or None,
        rejected={"rejected": True, "accepted": False}.get(only),
    )
    found = lookup.recent(given.reading, slug, wanted, below=below, limit=pages.ROWS)
    return pages.render(
        "people/events.html",
        source=slug,
        found=[(one, json.loads(one.properties or "{}")) for one in found.items],
        event=event,
        person_id=person_id,
        only=only,
        more=cursor.write(found.end),
        is_first=below == _LAST_ID,
        indexes=[(one, words.INDEXES[one.state]) for one in indexing.listing(given.reading, slug)],
    )


_ONE: Final = "/people/<raw:person_id>"

PAGES: Final = (
    Page(name="people", rule="/people", view=show),
    Page(name="person", rule=_ONE, view=show_one),
    Page(name="cohorts", rule=f"{_ONE}/cohorts", view=show_cohorts),
    Page(name="sent", rule=f"{_ONE}/sent", view=show_sent),
    Act(name="erase", rule=f"{_ONE}/erase", view=erase),
    Page(name="events", rule="/events", view=show_events),
)

blueprint = pages.blueprint("people", PAGES)
