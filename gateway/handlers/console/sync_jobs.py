"""Sync jobs: listed, and made of a cohort and a destination after a look at what would be sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway.core.access.scopes import Scope
from gateway.core.syncs import mapping as rules
from gateway.core.syncs.job import State
from gateway.flows.cohorts import browse, lookup
from gateway.flows.cohorts.lookup import Filter
from gateway.flows.syncs import catalog, overview, pairs
from gateway.flows.syncs import jobs as flow
from gateway.flows.syncs import preview as previews
from gateway.handlers.console import forms, ids, pages, session
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps
from gateway.handlers.http import forms as schemas
from gateway.handlers.syncs import job_requests
from gateway.sources import json_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from gateway import errors
    from gateway.destinations.facts import Facts
    from gateway.flows.syncs.pairs import Pair
    from gateway.flows.syncs.preview import Preview
    from gateway.handlers.console.forms import Form

# Identifiers of destinations that are the member's id unless it is said otherwise.
_IDS: Final = frozenset({"external_id", "user_id", "id", "EXTERN_ID", "extern_id"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """An identifier in the form of a job: `strong` ones find a person."""

    name: str
    title: str
    help: str
    strong: bool


def show() -> Response:
    asked, slug = forms.asked("state"), forms.asked("destination") or None
    state = asked if asked in [*State] else None
    cursor = cursors.SYNC_JOBS.of("console", slug, state)
    (after,) = cursor.read(forms.asked("cursor"), start=(0,))
    found = overview.named(
        deps.current().reading, slug=slug, state=state, after=after, limit=pages.ROWS
    )
    return pages.render(
        "sync_jobs/list.html",
        found=found,
        slug=slug or "",
        state=state or "",
        more=cursor.write(found.end),
        after=after,
    )


def show_of_cohort(cohort_id: str) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    cursor = cursors.SYNC_JOBS.of("console cohort", number)
    (after,) = cursor.read(forms.asked("cursor"), start=(0,))
    cohort = lookup.cohort(given.readers, number, now=given.now())
    found = overview.listing(
        given.reading, cohort=number, slug=None, state=None, after=after, limit=pages.ROWS
    )
    return pages.render(
        "cohorts/sync_jobs.html",
        cohort=cohort,
        found=found,
        more=cursor.write(found.end),
        after=after,
    )


def show_cohorts() -> Response:
    """Show the cohorts that a job may send."""
    given, search = deps.current(), forms.asked("q")
    cursor = cursors.COHORTS.of("console sync", search)
    (after,) = cursor.read(forms.asked("cursor"), start=(0,))
    found = browse.cohorts(
        given.readers, Filter(), search=search, after=after, limit=pages.ROWS, now=given.now()
    )
    more = cursor.write(found.end)
    return pages.render("sync_jobs/choose.html", found=found, q=search, more=more, after=after)


def show_destinations(cohort_id: str) -> Response:
    """Show the destinations that a cohort may be sent to."""
    given = deps.current()
    cohort = pairs.cohort(given.reading, ids.cohort(cohort_id))
    cursor = cursors.DESTINATIONS.of("console sync", cohort.id)
    (after,) = cursor.read(forms.asked("cursor"), start=("",))
    found = catalog.listing(given.reading, given.sending, kind=None, after=after, limit=pages.ROWS)
    return pages.render(
        "sync_jobs/destinations.html",
        cohort=cohort,
        found=found,
        kinds=given.sending.kinds,
        more=cursor.write(found.end),
        after=after,
    )


def show_new(cohort_id: str, slug: str) -> Response:
    pair = _pair(cohort_id, slug)
    form = {"frequency": "1h", "mode": pair.facts.modes[0], **_usual(pair.facts)}
    return _show_new(pair, {**forms.typed(pair.kind.options, {}, "options"), **form})


def create(cohort_id: str, slug: str, form: Form) -> Response:
    """Make a job, or only look at what it would send."""
    given, pair = deps.current(), _pair(cohort_id, slug)
    wanted = _wanted(pair, form)
    now, actor = given.now(), session.visitor().actor
    if form.get("do") == "preview":
        hidden = given.settings.suppress
        with given.waits.turn():
            found = previews.preview(
                given.reading, wanted, given.sending, suppress=hidden, now=now, actor=actor
            )
        return _show_new(pair, form, preview=found)
    job_id = flow.create(given.reading, wanted, given.sending, now=now, actor=actor)
    return pages.go("sync-jobs", job_id, done="job-created")


def create_again(cohort_id: str, slug: str, form: Form, error: errors.Refused) -> Response:
    return _show_new(_pair(cohort_id, slug), form, error)


def rows(facts: Facts) -> list[Row]:
    """List the identifiers of a form, those that find a person first."""
    strong = frozenset[str]().union(*facts.matching)
    found = [
        Row(name=one.name, title=one.title, help=one.description, strong=one.name in strong)
        for one in facts.identifiers
    ]
    return sorted(found, key=lambda row: not row.strong)


def mapped(facts: Facts, form: Form) -> dict[str, str]:
    """Read a mapping: a field for each identifier, and lines for the others."""
    said = {one.name: form.get(f"map.{one.name}", "").strip() for one in facts.identifiers}
    for line in form.get("others", "").splitlines():
        name, _, field = line.partition("=")
        said[name.strip()] = field.strip()
    return {name: field for name, field in said.items() if name and field}


def typed(facts: Facts, mapping: Mapping[str, str]) -> Form:
    """Write a mapping as the form shows it."""
    known = {one.name for one in facts.identifiers}
    others = [f"{name} = {field}" for name, field in mapping.items() if name not in known]
    return {
        **{f"map.{name}": field for name, field in mapping.items() if name in known},
        "others": "\n".join(others),
    }


def suppressed(form: Form) -> list[str]:
    """Read the ids of the cohorts with members that are never sent."""
    return form.get("suppress", "").replace(",", " ").split()


def _pair(cohort_id: str, slug: str) -> Pair:
    given = deps.current()
    return pairs.find(given.reading, given.sending, ids.cohort(cohort_id), slug)


def _usual(facts: Facts) -> Form:
    """Suggest a mapping: fields of the same name, and the member's id for ids."""
    names = [one.name for one in facts.identifiers]
    same = {f"map.{name}": name for name in names if name in rules.FIELDS}
    return {**{f"map.{name}": "member_id" for name in names if name in _IDS}, **same}


def _wanted(pair: Pair, form: Form) -> flow.Wanted:
    sent: dict[str, Any] = {
        "cohort_id": str(pair.cohort.id),
        "destination": pair.destination.slug,
        "frequency": form.get("frequency", ""),
        "mode": form.get("mode", ""),
        "mapping": mapped(pair.facts, form),
        "suppress": suppressed(form),
        "options": forms.config(pair.kind.options, form, "options"),
    }
    if form.get("consent", "").strip():
        sent["consent"] = json_body.parse(form["consent"].encode(errors="replace")).value
    wanted: flow.Wanted = schemas.load(job_requests.NewJobForm, sent)
    return wanted


def _show_new(
    pair: Pair,
    form: Form,
    error: errors.Refused | None = None,
    preview: Preview | None = None,
) -> Response:
    return pages.render(
        "sync_jobs/new.html",
        pair=pair,
        rows=rows(pair.facts),
        fields=rules.FIELDS,
        form=form,
        error=error,
        preview=preview,
    )


_PAIR: Final = "/new-sync-job/<raw:cohort_id>/<raw:slug>"

PAGES: Final = (
    Page(name="sync_jobs", rule="/sync-jobs", view=show),
    Page(name="of_cohort", rule="/cohorts/<raw:cohort_id>/sync-jobs", view=show_of_cohort),
    Page(name="cohorts", rule="/new-sync-job", view=show_cohorts, scope=Scope.ADMIN),
    Page(
        name="destinations",
        rule="/new-sync-job/<raw:cohort_id>",
        view=show_destinations,
        scope=Scope.ADMIN,
    ),
    Page(name="new", rule=_PAIR, view=show_new, scope=Scope.ADMIN),
    Act(name="create", rule=_PAIR, view=create, again=create_again),
)

blueprint = pages.blueprint("sync_jobs", PAGES)
