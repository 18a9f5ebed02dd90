"""Sources: how each fares and what it is set to, with forms that come from the kinds' schemas."""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core.access import secrets
from gateway.core.access.scopes import Scope
from gateway.flows.sources import admin, databases, overview, probe
from gateway.handlers.console import forms, pages, session, words
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response

    from gateway.handlers.console.forms import Form

# How long the old password stays good, by what the form offers, in hours.
OVERLAPS: Final = {"0": "at once", "1": "in an hour", "24": "in a day"}


def show() -> Response:
    given, cursor = deps.current(), cursors.SOURCES.of("console")
    (after,) = cursor.read(forms.asked("cursor"), start=("",))
    found = overview.listing(given.reading, after=after, limit=pages.ROWS, now=given.now())
    more = cursor.write(found.end)
    groups = words.in_groups(found.items, lambda one: one.source.kind)
    return pages.render("sources/list.html", groups=groups, more=more)


def show_one(slug: str) -> Response:
    return _show_one(slug)


def show_kinds() -> Response:
    groups = words.in_groups(deps.current().setup.kinds.values(), lambda one: one.name)
    return pages.render("sources/kinds.html", groups=groups)


def show_new(kind: str) -> Response:
    return _show_new(kind, {}, None)


def create(kind: str, form: Form) -> Response:
    """Make a source; where its kind has a login the password is on this page and no other."""
    given, known = deps.current(), deps.current().setup.require(kind)
    wanted = admin.Wanted(
        slug=form.get("slug", "").strip(),
        kind=kind,
        name=form.get("name", "").strip() or None,
        config=forms.config(known.config, form, "config"),
        secrets=forms.secrets(known.secrets, form),
    )
    login = admin.make(
        given.reading, wanted, given.setup, now=given.now(), actor=session.visitor().actor
    )
    url = given.settings.webhook_url(wanted.slug)
    return pages.render("sources/made.html", slug=wanted.slug, login=login, url=url, is_new=True)


def create_again(kind: str, form: Form, error: errors.Refused) -> Response:
    return _show_new(kind, form, error)


def save(slug: str, form: Form) -> Response:
    given = deps.current()
    kind = given.setup.require(form.get("kind", ""))
    changes = admin.Changes(
        name=form.get("name", "").strip() or slug,
        config=forms.config(kind.config, form, "config"),
        secrets=forms.secrets(kind.secrets, form),
    )
    admin.change(
        given.reading, slug, changes, given.setup, now=given.now(), actor=session.visitor().actor
    )
    return pages.go("sources", slug, done="saved")


def save_again(slug: str, form: Form, error: errors.Refused) -> Response:
    return _show_one(slug, form, error)


def test(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    """Show each step of a connection when it was taken, on the page of the source."""
    given, actor = deps.current(), session.visitor().actor
    with contextlib.ExitStack() as opening:
        opening.enter_context(given.waits.turn())
        steps = probe.steps(given.reading, given.setup, slug, now=given.now(), actor=actor)
        answer = pages.stream("sources/source.html", **_one(slug), steps=steps)
        answer.call_on_close(opening.pop_all().close)
    return answer


def show_tables(slug: str) -> Response:
    given, search = deps.current(), forms.asked("q")
    with given.waits.turn():
        found = databases.schema(given.reading, given.setup, slug, search=search, now=given.now())
    return pages.render("sources/tables.html", slug=slug, found=found, q=search)


def pause(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given = deps.current()
    admin.pause(given.reading, slug, now=given.now(), actor=session.visitor().actor)
    return pages.go("sources", slug, done="paused")


def resume(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given = deps.current()
    admin.resume(given.reading, slug, now=given.now(), actor=session.visitor().actor)
    return pages.go("sources", slug, done="resumed")


def rotate(slug: str, form: Form) -> Response:
    """Give a source a new password, which is on this page and no other."""
    given, hours = deps.current(), form.get("overlap", "0")
    login = admin.rotate(
        given.reading,
        slug,
        password=secrets.new_password(),
        username=None,
        overlap=datetime.timedelta(hours=int(hours) if hours in OVERLAPS else 0),
        now=given.now(),
        actor=session.visitor().actor,
    )
    url = given.settings.webhook_url(slug)
    return pages.render("sources/made.html", slug=slug, login=login, url=url, is_new=False)


def remove(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given = deps.current()
    admin.remove(given.reading, slug, now=given.now(), actor=session.visitor().actor)
    given.readers.settle()
    return pages.go("sources", done="removed")


def _show_one(slug: str, form: Form | None = None, error: errors.Refused | None = None) -> Response:
    return pages.render("sources/source.html", **_one(slug, form), error=error)


def _one(slug: str, form: Form | None = None) -> dict[str, Any]:
    given = deps.current()
    found = overview.single(given.reading, slug, now=given.now())
    source = found.standing.source
    kind = given.setup.kinds.get(source.kind)
    typed = {} if kind is None else forms.typed(kind.config, source.config, "config")
    return {
        "found": found,
        "source": source,
        "kind": kind,
        "form": form or {"name": source.name, **typed},
        "url": given.settings.webhook_url(slug),
        "overlaps": OVERLAPS,
    }


def _show_new(kind: str, form: Form, error: errors.Refused | None) -> Response:
    known = deps.current().setup.kinds.get(kind)
    if known is None:
        raise errors.NotFound("there is no such kind of source")
    typed = forms.typed(known.config, {}, "config")
    return pages.render("sources/new.html", kind=known, form={**typed, **form}, error=error)


_ONE: Final = "/sources/<raw:slug>"

PAGES: Final = (
    Page(name="sources", rule="/sources", view=show),
    Page(name="source", rule=_ONE, view=show_one),
    Page(name="kinds", rule="/new-source", view=show_kinds, scope=Scope.ADMIN),
    Page(name="new", rule="/new-source/<raw:kind>", view=show_new, scope=Scope.ADMIN),
    Act(name="create", rule="/new-source/<raw:kind>", view=create, again=create_again),
    Act(name="save", rule=_ONE, view=save, again=save_again),
    Act(name="test", rule=f"{_ONE}/test", view=test),
    Page(name="tables", rule=f"{_ONE}/tables", view=show_tables, scope=Scope.ADMIN),
    Act(name="pause", rule=f"{_ONE}/pause", view=pause),
    Act(name="resume", rule=f"{_ONE}/resume", view=resume),
    Act(name="rotate", rule=f"{_ONE}/rotate", view=rotate),
    Act(name="remove", rule=f"{_ONE}/remove", view=remove),
)

blueprint = pages.blueprint("sources", PAGES)
