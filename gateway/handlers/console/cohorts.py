"""The list of cohorts, and of those that were deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.flows.cohorts import admin, browse
from gateway.flows.cohorts.lookup import Filter
from gateway.handlers.console import forms, pages
from gateway.handlers.console.pages import Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response


def show() -> Response:
    given, search, source = deps.current(), forms.asked("q"), forms.asked("source")
    kind, stale = forms.asked("kind"), forms.asked("stale")
    cursor = cursors.COHORTS.of("console", search, source, kind, stale)
    (after,) = cursor.read(forms.asked("cursor"), start=(0,))
    found = browse.cohorts(
        given.readers,
        Filter(source=source or None, kind=kind or None, stale=bool(stale)),
        search=search,
        after=after,
        limit=pages.ROWS,
        now=given.now(),
    )
    more = cursor.write(found.end)
    return pages.render(
        "cohorts/list.html",
        found=found,
        q=search,
        source=source,
        kind=kind,
        stale=stale,
        more=more,
        after=after,
    )


def show_deleted() -> Response:
    cursor = cursors.DELETED.of("console")
    after = cursor.read(forms.asked("cursor"), start=())
    found = admin.deleted_part(
        deps.current().reading,
        after=(after[0], after[1]) if after else None,
        limit=pages.ROWS,
    )
    more = cursor.write(found.end)
    return pages.render("cohorts/deleted.html", found=found.items, more=more, after=after)


PAGES: Final = (
    Page(name="cohorts", rule="/cohorts", view=show),
    Page(name="deleted_cohorts", rule="/deleted-cohorts", view=show_deleted),
)

blueprint = pages.blueprint("cohorts", PAGES)
