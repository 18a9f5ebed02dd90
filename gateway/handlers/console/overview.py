"""Overview: how fresh everything is, what waits, and what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.flows.health import overview as flow
from gateway.handlers.console import charts, pages
from gateway.handlers.console.pages import Page
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Response


def show() -> Response:
    given = deps.current()
    found = flow.look(given.reading, redis_up=given.wake_ups.is_up(), now=given.now())
    return pages.render("overview/overview.html", found=found, bars=charts.bars(found.flows))


PAGES: Final = (Page(name="overview", rule="", view=show),)

blueprint = pages.blueprint("overview", PAGES)
