"""Destinations: where cohorts are sent, with forms that come from the kinds' schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.flows.syncs import catalog, trial
from gateway.flows.syncs import destinations as flow
from gateway.handlers.console import forms, pages, session
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response

    from gateway.flows.syncs.trial import Trial
    from gateway.handlers.console.forms import Form


def show() -> Response:
    given, cursor = deps.current(), cursors.DESTINATIONS.of("console")
    (after,) = cursor.read(forms.asked("cursor"), start=("",))
    found = catalog.listing(given.reading, given.sending, kind=None, after=after, limit=pages.ROWS)
    return pages.render(
        "destinations/list.html",
        found=found,
        kinds=given.sending.kinds,
        more=cursor.write(found.end),
        after=after,
    )


def show_one(slug: str) -> Response:
    return _show_one(slug)


def show_kinds() -> Response:
    kinds = deps.current().sending.kinds.values()
    return pages.render("destinations/kinds.html", kinds=kinds)


def show_new(kind: str) -> Response:
    return _show_new(kind, {}, None)


def create(kind: str, form: Form) -> Response:
    given, known = deps.current(), deps.current().sending.require(kind)
    wanted = flow.Wanted(
        slug=form.get("slug", "").strip(),
        kind=kind,
        name=form.get("name", "").strip() or None,
        config=forms.config(known.config, form, "config"),
        secrets=forms.secrets(known.secrets, form),
    )
    actor = session.visitor().actor
    flow.add(given.reading, wanted, given.sending, now=given.now(), actor=actor)
    return pages.go("destinations", wanted.slug, done="destination-created")


def create_again(kind: str, form: Form, error: errors.Refused) -> Response:
    return _show_new(kind, form, error)


def save(slug: str, form: Form) -> Response:
    kind = deps.current().sending.require(form.get("kind", ""))
    changes = flow.Changes(
        name=form.get("name", "").strip() or slug,
        config=forms.config(kind.config, form, "config"),
        secrets=forms.secrets(kind.secrets, form),
    )
    return _change(slug, changes, "destination-saved")


def save_again(slug: str, form: Form, error: errors.Refused) -> Response:
    return _show_one(slug, form, error)


def pause(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    return _change(slug, flow.Changes(paused=True), "destination-paused")


def resume(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    return _change(slug, flow.Changes(paused=False), "destination-resumed")


def try_it(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    """Prove the credentials, and show how each step went."""
    given, actor = deps.current(), session.visitor().actor
    with given.waits.turn():
        found = trial.run(given.reading, given.sending, slug, now=given.now(), actor=actor)
    return _show_one(slug, trial=found)


def remove(slug: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given, actor = deps.current(), session.visitor().actor
    flow.remove(given.reading, slug, now=given.now(), actor=actor)
    return pages.go("destinations", done="destination-removed")


def _change(slug: str, changes: flow.Changes, done: str) -> Response:
    given, actor = deps.current(), session.visitor().actor
    flow.change(given.reading, slug, changes, given.sending, now=given.now(), actor=actor)
    return pages.go("destinations", slug, done=done)


def _show_one(
    slug: str,
    form: Form | None = None,
    error: errors.Refused | None = None,
    trial: Trial | None = None,
) -> Response:
    given = deps.current()
    found = catalog.single(given.reading, given.sending, slug)
    entry = found.entry
    kind = given.sending.kinds.get(entry.kind)
    typed = {} if kind is None else forms.typed(kind.config, entry.config, "config")
    return pages.render(
        "destinations/destination.html",
        found=found,
        entry=entry,
        kind=kind,
        facts=None if kind is None else kind.told(entry.config),
        form=form or {"name": entry.name, **typed},
        error=error,
        trial=trial,
    )


def _show_new(kind: str, form: Form, error: errors.Refused | None) -> Response:
    known = deps.current().sending.kinds.get(kind)
    if known is None:
        raise errors.NotFound("there is no such kind of destination")
    typed = forms.typed(known.config, {}, "config")
    return pages.render("destinations/new.html", kind=known, form={**typed, **form}, error=error)


_ONE: Final = "/destinations/<raw:slug>"
_NEW: Final = "/new-destination/<raw:kind>"

PAGES: Final = (
    Page(name="destinations", rule="/destinations", view=show),
    Page(name="destination", rule=_ONE, view=show_one),
    Page(name="kinds", rule="/new-destination", view=show_kinds, scope=Scope.ADMIN),
    Page(name="new", rule=_NEW, view=show_new, scope=Scope.ADMIN),
    Act(name="create", rule=_NEW, view=create, again=create_again),
    Act(name="save", rule=_ONE, view=save, again=save_again),
    Act(name="pause", rule=f"{_ONE}/pause", view=pause),
    Act(name="resume", rule=f"{_ONE}/resume", view=resume),
    Act(name="test", rule=f"{_ONE}/test", view=try_it),
    Act(name="remove", rule=f"{_ONE}/remove", view=remove),
)

blueprint = pages.blueprint("destinations", PAGES)
