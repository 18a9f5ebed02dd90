"""Activity: what was done, by which key, and from where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.scopes import Scope
from gateway.flows.health import audit
from gateway.handlers.console import forms, pages
from gateway.handlers.console.pages import Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response


def show() -> Response:
    cursor = cursors.ACTIVITY.of("console")
    (before,) = cursor.read(forms.asked("cursor"), start=audit.NEWEST)
    found = audit.listing(deps.current().reading, before=before, limit=pages.ROWS)
    more = cursor.write(found.end)
    return pages.render("activity/list.html", found=found, more=more)


PAGES: Final = (Page(name="activity", rule="/activity", view=show, scope=Scope.ADMIN),)

blueprint = pages.blueprint("activity", PAGES)
