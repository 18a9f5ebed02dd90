"""Cohorts of a query: tried before it counts, changed, and read when a person asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import load_queue, lookup, planned
from gateway.flows.sources import cohorts as flow
from gateway.flows.sources import databases
from gateway.handlers.console import ids, lists, loads, pages, query_forms, session
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Response

    from gateway.handlers.console.forms import Form
    from gateway.sources.sql.reading import Preview


def preview_new(source: str, form: Form) -> Response:
    """Show the first rows of a query beside the form of a cohort that is not made yet."""
    return lists.show_new(source, form, found=_preview(source, form))


def show(
    cohort_id: str,
    form: Form | None = None,
    error: errors.Refused | None = None,
    found: Preview | None = None,
) -> Response:
    given = deps.current()
    cohort = lookup.cohort(given.readers, ids.cohort(cohort_id), now=given.now())
    if given.setup.vendor(cohort.kind) is None:
        raise errors.NotFound("the members of this cohort come from no query")
    return pages.render(
        "cohorts/query.html",
        cohort=cohort,
        form=form or query_forms.typed(cohort.definition),
        error=error,
        found=found,
    )


def preview(cohort_id: str, form: Form) -> Response:
    given = deps.current()
    cohort = lookup.cohort(given.readers, ids.cohort(cohort_id), now=given.now())
    return show(cohort_id, form, found=_preview(cohort.source, form))


def save(cohort_id: str, form: Form) -> Response:
    """Change the query; a load of what it says now starts by itself."""
    given, number = deps.current(), ids.cohort(cohort_id)
    flow.change(
        given.reading,
        number,
        flow.Changes(definition=query_forms.sent(form)),
        given.setup,
        now=given.now(),
        actor=session.visitor().actor,
        wake_ups=given.wake_ups,
    )
    given.readers.settle()
    return pages.go("cohorts", number, "loads", done="requeried")


def run(cohort_id: str, form: Form) -> Response:
    """Queue a load of what the query says now."""
    given = deps.current()
    found = planned.accept_load(
        given.accepting,
        ids.cohort(cohort_id),
        load_queue.File(),
        load_queue.Wanted(review="review" in form),
        max_bytes=given.settings.max_upload_bytes,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=session.visitor().actor,
    )
    return pages.go("loads", found.id)


def _preview(source: str, form: Form) -> Preview:
    given, actor = deps.current(), session.visitor().actor
    with given.waits.turn():
        return databases.preview(
            given.reading,
            given.setup,
            source,
            query_forms.asked(form),
            now=given.now(),
            actor=actor,
        )


_ONE: Final = "/cohorts/<raw:cohort_id>"
_NEW: Final = "/new-cohort/<raw:source>"

PAGES: Final = (
    Act(name="preview_new", rule=f"{_NEW}/preview", view=preview_new, again=lists.create_again),
    Page(name="query", rule=f"{_ONE}/query", view=show),
    Act(name="preview", rule=f"{_ONE}/query/preview", view=preview, again=show),
    Act(name="save", rule=f"{_ONE}/query", view=save, again=show),
    Act(
        name="run",
        rule=f"{_ONE}/loads/run",
        view=run,
        scope=Scope.WRITE,
        again=loads.show_list,
    ),
)

blueprint = pages.blueprint("queries", PAGES)
