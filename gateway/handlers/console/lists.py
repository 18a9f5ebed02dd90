"""Cohorts that are made here, and lists that are edited here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import g

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.core.cohorts import kinds
from gateway.core.cohorts.guard import Guard
from gateway.errors import Fault
from gateway.flows.cohorts import browse, histories, lookup
from gateway.flows.sources import cohorts as flow
from gateway.flows.sources import freeze as freezing
from gateway.flows.sources import overview
from gateway.handlers.cohorts import setting_requests
from gateway.handlers.console import ids, loads, pages, query_forms, session
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import deps
from gateway.handlers.http import forms as schemas
from gateway.sources.lists import entries

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.cohorts.edit import Edit
    from gateway.flows.cohorts.edit import Result
    from gateway.handlers.console.forms import Chosen, Form
    from gateway.sources.sql.reading import Preview

MOST_SOURCES: Final = 500
MAX_LINES: Final = 10_000


def show_choice() -> Response:
    """Show the sources that a cohort may be made of."""
    given = deps.current()
    found = overview.listing(given.reading, after="", limit=MOST_SOURCES, now=given.now())
    ready = (one.source for one in found.items if one.source.paused_at is None)
    return pages.render(
        "cohorts/choose.html",
        found=found.items,
        kinds=given.setup.kinds,
        to=next((one for one in ready if one.kind == kinds.LIST), None),
        most=given.settings.max_upload_mib,
    )


def show_new(
    source: str,
    form: Form | None = None,
    error: errors.Refused | None = None,
    found: Preview | None = None,
) -> Response:
    given = deps.current()
    chosen = overview.single(given.reading, source, now=given.now()).standing.source
    kind = given.setup.kinds.get(chosen.kind)
    if kind is None or kind.makes_cohorts:
        raise errors.NotFound("cohorts of this source are made by what it sends, not here")
    if kind.definition is not None and kind.vendor is None:
        raise errors.NotFound("cohorts of this source are rules; the rule builder makes them")
    return pages.render(
        "cohorts/new.html",
        source=chosen,
        kind=kind,
        form={**_typed(Guard()), "review": "on"} if form is None else form,
        error=error,
        found=found,
        most=given.settings.max_upload_mib,
    )


def create(source: str, form: Form, file: Chosen | None) -> Response:
    """Make a cohort; a list at once gets the file that was chosen with it."""
    given = deps.current()
    if file is not None and not form.get("name", "").strip():
        form["name"] = _name_of(file)
    sent = {**_sent(form), "source": source}
    if "defaults" in form:
        del sent["guard"]
    if form.get("external_id"):
        sent["external_id"] = form["external_id"]
    if "query" in form:
        sent["definition"] = query_forms.sent(form)
    made = flow.create(
        given.reading,
        schemas.load(setting_requests.NewCohortForm, sent),
        given.setup,
        max_cohorts=given.settings.max_cohorts,
        now=given.now(),
        actor=session.visitor().actor,
        wake_ups=given.wake_ups,
    )
    given.readers.settle()
    if file is None and not form.get("upload"):
        return pages.go("cohorts", made.id, done="created")
    try:
        return loads.upload(str(made.id), form, file)
    except errors.Refused as error:  # the cohort is made already, so that is said on its page
        answer = loads.show_list(str(made.id), form, error)
        answer.status_code = error.status
        return answer


def create_again(source: str, form: Form, error: errors.Refused) -> Response:
    return show_new(source, _typed(Guard()) | form if "defaults" in form else form, error)


def save(cohort_id: str, form: Form) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    flow.change(
        given.reading,
        number,
        schemas.load(setting_requests.CohortForm, _sent(form)),
        given.setup,
        now=given.now(),
        actor=session.visitor().actor,
    )
    given.readers.settle()
    return pages.go("cohorts", number, "settings", done="changed")


def edit(cohort_id: str, form: Form) -> Response:
    """Add or remove the ids that were typed or pasted, one a line."""
    lines = [line for line in form.get("ids", "").split("\n") if line]
    if not lines:
        raise errors.Invalid([Fault("ids", "is empty; write one id a line")])
    if len(lines) > MAX_LINES:
        message = f"has {len(lines)} lines; send at most {MAX_LINES}, or upload a file"
        raise errors.Invalid([Fault("ids", message)])
    removes = form.get("do") == "remove"
    made, _ = entries.read([], lines) if removes else entries.read(lines, [])
    found = _edit(cohort_id, made)
    skipped = sum(found.skipped.values())
    if not found.is_applied:
        return pages.go("cohorts", cohort_id, done="stored")
    return pages.go(
        "cohorts",
        cohort_id,
        done="edited",
        entered=found.entered,
        exited=found.exited,
        unchanged=found.unchanged,
        skipped=skipped,
    )


def remove_member(cohort_id: str, member_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    found = _edit(cohort_id, entries.read([], [member_id])[0])
    return pages.go("cohorts", cohort_id, done="taken_out" if found.is_applied else "stored")


def show_history(cohort_id: str, member_id: str) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    cohort = lookup.cohort(given.readers, number, now=given.now())
    found = histories.of_member(given.readers, number, member_id, at=None, now=given.now())
    shown = found.changes[: pages.ROWS * 4]
    return pages.render(
        "cohorts/history.html", cohort=cohort, member_id=member_id, found=found, shown=shown
    )


def freeze(cohort_id: str, form: Form) -> Response:
    """Make a list with the members that a cohort has now."""
    given, number = deps.current(), ids.cohort(cohort_id)
    name = form.get("name", "").strip()
    if not name:
        raise errors.Invalid([Fault("name", "is empty; name the list")])
    found = freezing.freeze(
        given.reading,
        number,
        freezing.Wanted(name=name[: schemas.MAX_TEXT_CHARACTERS]),
        given.setup,
        max_cohorts=given.settings.max_cohorts,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=session.visitor().actor,
    )
    given.readers.settle()
    return pages.go("cohorts", found.cohort_id, done="freezing")


def show_settings(
    cohort_id: str, form: Form | None = None, error: errors.Refused | None = None
) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    found = browse.endangered(given.readers, number, now=given.now())
    kind = given.setup.kinds.get(found.cohort.kind)
    return pages.render(
        "cohorts/settings.html",
        cohort=found.cohort,
        stake=found.stake,
        form=form or typed(found.cohort),
        error=error,
        is_planned=kind is not None and kind.definition is not None,
    )


def typed(cohort: lookup.Cohort) -> Form:
    """Write the settings of a cohort as the form shows them."""
    texts = {"name": cohort.name, "description": cohort.description or ""}
    return {**texts, **_typed(cohort.guard), **query_forms.typed_schedule(cohort.schedule)}


def _edit(cohort_id: str, made: Edit) -> Result:
    given = deps.current()
    found = given.editor.edit(ids.cohort(cohort_id), made, now=given.now(), request_id=g.request_id)
    given.readers.settle()
    return found


def _typed(guard: Guard | None) -> Form:
    shown = guard or Guard()
    return {
        "guarded": "" if guard is None else "on",
        "shrink_percent": f"{shown.shrink_percent:g}",
        "from_members": str(shown.from_members),
    }


def _sent(form: Form) -> dict[str, Any]:
    """Read the settings of a form as JSON would bring them; their schema checks them."""
    guard = None
    if form.get("guarded") == "on":
        guard = {one: _number(form.get(one, "")) for one in ("shrink_percent", "from_members")}
    description = form.get("description", "").strip() or None
    sent = {"name": form.get("name", ""), "description": description, "guard": guard}
    return sent | ({"schedule": query_forms.schedule(form)} if "schedule" in form else {})


def _name_of(file: Chosen) -> str:
    """Return the name of a file without its folders and the end that tells its kind."""
    name = file.name.replace("\\", "/").rpartition("/")[2]
    return (name.rpartition(".")[0] or name)[: schemas.MAX_TEXT_CHARACTERS]


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


_ONE: Final = "/cohorts/<raw:cohort_id>"
_MEMBER: Final = f"{_ONE}/members/<raw:member_id>"

PAGES: Final = (
    Page(name="choose", rule="/new-cohort", view=show_choice, scope=Scope.ADMIN),
    Page(name="new", rule="/new-cohort/<raw:source>", view=show_new, scope=Scope.ADMIN),
    Page(name="history", rule=f"{_MEMBER}/history", view=show_history),
    Act(
        name="create",
        rule="/new-cohort/<raw:source>",
        view=create,
        with_file=True,
        again=create_again,
    ),
    Page(name="settings", rule=f"{_ONE}/settings", view=show_settings),
    Act(name="save", rule=f"{_ONE}/settings", view=save, again=show_settings),
    Act(name="edit", rule=f"{_ONE}/edit", view=edit, scope=Scope.WRITE),
    Act(name="remove_member", rule=f"{_MEMBER}/remove", view=remove_member, scope=Scope.WRITE),
    Act(name="freeze", rule=f"{_ONE}/freeze", view=freeze, again=show_settings),
)

blueprint = pages.blueprint("lists", PAGES)
