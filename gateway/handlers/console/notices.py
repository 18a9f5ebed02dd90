"""Notices: what needs a person now, and the messages that told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.flows.notices import listing
from gateway.handlers.console import forms, pages
from gateway.handlers.console.pages import Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response


def show() -> Response:
    given = deps.current()
    cursor = cursors.NOTICES.of("console")
    (before,) = cursor.read(forms.asked("cursor"), start=listing.NEWEST)
    found = listing.look(given.reading, before=before, limit=pages.ROWS)
    return pages.render(
        "notices/list.html",
        troubles=found.troubles,
        messages=found.messages,
        more=cursor.write(found.messages.end),
        channels=given.settings.notify,
    )


PAGES: Final = (Page(name="notices", rule="/notices", view=show),)

blueprint = pages.blueprint("notices", PAGES)
