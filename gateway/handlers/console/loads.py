"""Files that go into a list: chosen here, looked at before they count, and their receipts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from flask import Response

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.core.cohorts.load import Mode, State
from gateway.errors import Fault
from gateway.flows.cohorts import load_lookup, load_queue, lookup, uploads
from gateway.handlers.console import forms, ids, pages, session, site
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps
from gateway.sources.lists.options import Options

if TYPE_CHECKING:
    from gateway.core.cohorts.receipt import Receipt
    from gateway.handlers.console.forms import Chosen, Form

# Of a file, so many columns can be corrected on a page.
COLUMNS: Final = 150


def show_list(
    cohort_id: str, form: Form | None = None, error: errors.Refused | None = None
) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    cursor = cursors.LOADS.of("console", number)
    (before,) = cursor.read(forms.asked("cursor"), start=(load_lookup.NEWEST,))
    cohort = lookup.cohort(given.readers, number, now=given.now())
    found = load_lookup.of_cohort(given.reading, number, before=before, limit=pages.ROWS)
    return pages.render(
        "loads/list.html",
        cohort=cohort,
        found=found,
        more=cursor.write(found.end),
        form=form or {},
        error=error,
        most=given.settings.max_upload_mib,
    )


def upload(cohort_id: str, form: Form, file: Chosen | None) -> Response:
    """Queue a load of the file that was chosen, or was sent in parts by the script."""
    given, number = deps.current(), ids.cohort(cohort_id)
    sent = form.get("upload") or None
    if file is None and sent is None:
        raise errors.Invalid([Fault("file", "choose a file")])
    found = load_queue.accept_file(
        given.accepting,
        number,
        load_queue.File(
            data=file.data if file and not sent else None,
            name=file.name if file else None,
            upload=sent,
        ),
        _wanted(form),
        max_bytes=given.settings.max_upload_bytes,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=session.visitor().actor,
    )
    return pages.go("loads", found.id)


def show(load_id: str, form: Form | None = None, error: errors.Refused | None = None) -> Response:
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    found = load_lookup.get(given.reading, cohort_id, number)
    sample = load_lookup.sample_of(given.reading, found)
    return pages.render(
        "loads/load.html",
        load=found,
        sample=sample,
        fields=_fields(sample),
        columns=_columns(found),
        form=form or {},
        error=error,
    )


def download_rejected(load_id: str) -> Response:
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    pieces = load_lookup.rejected(
        given.reading, cohort_id, number, now=given.now(), actor=session.visitor().actor
    )
    name = f"load-{load_id}-rejected.csv"
    headers = {**site.HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pieces, 200, headers, mimetype="text/csv")


def approve(load_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    load_queue.approve(
        given.accepting,
        cohort_id,
        number,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=session.visitor().actor,
    )
    return pages.go("loads", load_id, done="approved")


def cancel(load_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    actor = session.visitor().actor
    load_queue.cancel(given.accepting, cohort_id, number, now=given.now(), actor=actor)
    return pages.go("loads", load_id, done="canceled")


def change(load_id: str, form: Form) -> Response:
    """Have the kept file read anew, with what was corrected."""
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    found = load_lookup.get(given.reading, cohort_id, number)
    changes = load_queue.Changes(
        mode=_mode(form),
        mapping=_mapping(found, form),
        encoding=form.get("encoding") or None,
        delimiter=form.get("delimiter", "").replace("TAB", "\t") or None,
    )
    load_queue.change(
        given.accepting,
        cohort_id,
        number,
        changes,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=session.visitor().actor,
    )
    return pages.go("loads", load_id, done="reread")


def announce(form: Form) -> Response:
    """Begin an upload in parts, for the script of the page."""
    given, size = deps.current(), form.get("bytes", "")
    found = uploads.announce(
        given.accepting,
        name=form.get("name"),
        size=int(size) if size.isascii() and size.isdigit() else None,
        max_bytes=given.settings.max_upload_bytes,
        now=given.now(),
    )
    return Response(json.dumps({"id": found.id}), 201, site.HEADERS, mimetype="application/json")


def put_part(upload_id: str, form: Form, file: Chosen | None) -> Response:
    """Take a part of an upload, from the script of the page."""
    given, number = deps.current(), form.get("number", "")
    if file is None or not (number.isascii() and number.isdigit()):
        raise errors.Malformed("a part has a number and a file")
    uploads.put_part(
        given.accepting,
        upload_id,
        int(number),
        file.data,
        max_bytes=given.settings.max_upload_bytes,
        now=given.now(),
    )
    return Response(status=204, headers=site.HEADERS)


def _wanted(form: Form) -> load_queue.Wanted:
    return load_queue.Wanted(
        mode=_mode(form) or Mode.REPLACE,
        review="review" in form,
        options=Options(
            member_id=form.get("member_id", "").strip() or None,
            sheet=form.get("sheet", "").strip() or None,
            header="no-header" not in form,
        ),
    )


def _mode(form: Form) -> Mode | None:
    return next((one for one in Mode if one == form.get("mode")), None)


def _columns(found: Receipt) -> list[tuple[str, str]]:
    """List the columns of a file that can be corrected, with what each one is taken for."""
    file = found.file or {}
    if found.state != State.NEEDS_APPROVAL or not file.get("columns"):
        return []
    return [(one, file["mapping"].get(one, "")) for one in file["columns"][:COLUMNS]]


def _mapping(found: Receipt, form: Form) -> dict[str, str] | None:
    """Read which column was said to be what; None if that is as it was."""
    said = {
        column: form.get(f"column.{place}", field)
        for place, (column, field) in enumerate(_columns(found))
    }
    said = {column: field for column, field in said.items() if field}
    return None if said == dict((found.file or {}).get("mapping") or {}) else said


def _fields(sample: list[dict[str, object]]) -> list[str]:
    """List the fields that any of the first rows has."""
    return [
        field
        for field in ("member_id", "email", "first_name", "last_name", "phone", "properties")
        if any(row.get(field) for row in sample)
    ]


_OF_COHORT: Final = "/cohorts/<raw:cohort_id>/loads"
_ONE: Final = "/loads/<raw:load_id>"

PAGES: Final = (
    Page(name="list", rule=_OF_COHORT, view=show_list),
    Act(
        name="upload",
        rule=_OF_COHORT,
        view=upload,
        scope=Scope.WRITE,
        with_file=True,
        again=show_list,
    ),
    Page(name="load", rule=_ONE, view=show),
    Page(name="rejected", rule=f"{_ONE}/rejected.csv", view=download_rejected),
    Act(name="approve", rule=f"{_ONE}/approve", view=approve, scope=Scope.WRITE),
    Act(name="cancel", rule=f"{_ONE}/cancel", view=cancel, scope=Scope.WRITE),
    Act(name="change", rule=f"{_ONE}/change", view=change, scope=Scope.WRITE, again=show),
    Act(name="announce", rule="/uploads", view=announce, scope=Scope.WRITE),
    Act(
        name="part",
        rule="/uploads/<raw:upload_id>/parts",
        view=put_part,
        scope=Scope.WRITE,
        with_file=True,
    ),
)

blueprint = pages.blueprint("loads", PAGES)
