"""Deliveries: the pages that wait to be applied, and those that are blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.flows.cohorts import admin
from gateway.flows.health import status
from gateway.handlers.console import forms, ids, pages, session
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response

STATES: Final = ("blocked", "pending")


def show() -> Response:
    asked = forms.asked("state")
    state = asked if asked in STATES else None
    cursor = cursors.DELIVERIES.of("console", state)
    after = cursor.read(forms.asked("cursor"), start=(0, 0))
    found = status.named_deliveries(
        deps.current().reading, state=state, after=after, limit=pages.ROWS
    )
    more = cursor.write(found.end)
    return pages.render("deliveries/list.html", found=found, state=state or "", more=more)


def retry(delivery_id: str, form: forms.Form) -> Response:
    given, (cohort_id, number) = deps.current(), ids.delivery(delivery_id)
    actor = session.visitor().actor
    admin.retry_delivery(given.reading, cohort_id, number, now=given.now(), actor=actor)
    given.wake_ups.notify(cohort_id)
    return pages.go("deliveries", state=form.get("state"), done="retried")


PAGES: Final = (
    Page(name="deliveries", rule="/deliveries", view=show),
    Act(name="retry", rule="/deliveries/<raw:delivery_id>/retry", view=retry),
)

blueprint = pages.blueprint("deliveries", PAGES)
