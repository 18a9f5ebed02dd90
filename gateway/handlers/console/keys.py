"""API keys: made, listed and revoked."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.flows.access import keys as flow
from gateway.handlers.console import forms, pages, session, words
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Response

# For how long a key can be made, in days.
DAYS: Final = {"": "never", "30": "in 30 days", "90": "in 90 days", "365": "in a year"}


def show() -> Response:
    return _show({}, None)


def create(form: forms.Form) -> Response:
    """Make a key, which is on this page and no other."""
    given, days = deps.current(), form.get("days", "")
    scope, now = form.get("scope", ""), deps.current().now()
    if scope not in words.SCOPES or days not in DAYS:
        raise errors.Malformed("choose a scope and an end of those that are offered")
    wanted = flow.Wanted(
        name=form.get("name", "").strip(),
        scopes=[Scope(scope)],
        expires_at=now + datetime.timedelta(days=int(days)) if days else None,
    )
    made = flow.create(given.reading, wanted, now=now, actor=session.visitor().actor)
    return pages.render("keys/made.html", name=wanted.name, key=made.key)


def create_again(form: forms.Form, error: errors.Refused) -> Response:
    return _show(form, error)


def revoke(key_id: str, form: forms.Form) -> Response:  # noqa: ARG001 - the button is all
    given = deps.current()
    flow.revoke(given.reading, key_id, now=given.now(), actor=session.visitor().actor)
    return pages.go("keys", done="revoked")


def _show(form: forms.Form, error: errors.Refused | None) -> Response:
    given, everything = deps.current(), forms.asked("all") == "1"
    now, listed = given.now(), flow.listing(given.reading)
    shown = [one for one in listed if everything or one.is_valid(now)]
    return pages.render(
        "keys/list.html",
        found=[(one, words.of_key(one, now)) for one in shown],
        hidden=len(listed) - len(shown),
        everything=everything,
        form=form,
        error=error,
        days=DAYS,
    )


PAGES: Final = (
    Page(name="keys", rule="/keys", view=show, scope=Scope.ADMIN),
    Act(name="create", rule="/keys", view=create, again=create_again),
    Act(name="revoke", rule="/keys/<raw:key_id>/revoke", view=revoke),
)

blueprint = pages.blueprint("keys", PAGES)
