"""A cohort: its members, changes and syncs, and what can be done with it."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Final

from gateway.flows.cohorts import admin, browse, export, lookup
from gateway.handlers.cohorts import exports
from gateway.handlers.console import charts, forms, ids, pages, session, site
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps

if TYPE_CHECKING:
    from flask import Response

# Days of the curve, by what its links say.
SPANS: Final = {"week": 7, "month": 30, "year": 365}


def show_members(cohort_id: str) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    prefix, span = forms.asked("id", most=1024), forms.asked("span") or "month"
    cursor = cursors.MEMBERS.of("console", number, prefix)
    (after,) = cursor.read(forms.asked("cursor", most=4000), start=("",))
    since = given.now() - datetime.timedelta(days=SPANS.get(span, SPANS["month"]))
    found = browse.members(
        given.readers,
        number,
        prefix=prefix,
        after=after,
        limit=pages.ROWS,
        since=since,
        now=given.now(),
    )
    return pages.render(
        "cohorts/members.html",
        cohort=found.cohort,
        found=found.members,
        curve=charts.curve(found.sizes, since=since),
        prefix=prefix,
        span=span,
        spans=SPANS,
        more=cursor.write(found.members.end),
        after=after,
    )


def show_changes(cohort_id: str) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    cursor = cursors.COHORTS.of("console changes", number)
    (before,) = cursor.read(forms.asked("cursor"), start=(browse.NEWEST_CHANGE,))
    found = browse.changes(given.readers, number, before=before, limit=pages.ROWS, now=given.now())
    return pages.render(
        "cohorts/changes.html",
        cohort=found.cohort,
        found=found.changes,
        more=cursor.write(found.changes.end),
    )


def show_syncs(cohort_id: str) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    cursor = cursors.SYNCS.of("console", number)
    before = cursor.read(forms.asked("cursor"), start=lookup.NEWEST_SYNC)
    cohort = lookup.cohort(given.readers, number, now=given.now())
    found = lookup.syncs(given.readers, number, before=before, limit=pages.ROWS).answer
    more = cursor.write(found.end) if found else None
    return pages.render("cohorts/syncs.html", cohort=cohort, found=found, more=more)


def show_member(cohort_id: str, member_id: str) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    document = lookup.member(given.readers, number, member_id)
    joined = lookup.cohorts_of(
        given.readers, member_id, source=None, project_id=None, now=given.now(), limit=pages.ROWS
    )
    return pages.render(
        "cohorts/member.html",
        number=number,
        member=json.loads(document),
        joined=joined,
        here=next((one for one in joined.items if one["id"] == str(number)), None),
    )


def download(cohort_id: str) -> Response:
    """Stream a whole cohort as it is at one moment, as the API does."""
    given, number = deps.current(), ids.cohort(cohort_id)
    opened = given.exporter.csv(number).answer
    assert opened is not None, "the asker holds none"  # noqa: S101
    export.record(given.reading, session.visitor().actor, number, "csv", now=given.now())
    answer = exports.Stream(opened, exports.CSV, filename=f"cohort-{number}.csv")
    answer.headers.update(site.HEADERS)
    return answer


def delete(cohort_id: str, form: forms.Form) -> Response:  # noqa: ARG001 - the button is all
    given, number = deps.current(), ids.cohort(cohort_id)
    admin.delete_cohort(given.reading, number, now=given.now(), actor=session.visitor().actor)
    given.readers.settle()
    return pages.go("cohorts", done="deleted")


def restore(cohort_id: str, form: forms.Form) -> Response:  # noqa: ARG001 - the button is all
    given, number = deps.current(), ids.cohort(cohort_id)
    admin.restore_cohort(given.reading, number, now=given.now(), actor=session.visitor().actor)
    given.readers.settle()
    return pages.go("cohorts", number, done="restored")


_ONE: Final = "/cohorts/<raw:cohort_id>"

PAGES: Final = (
    Page(name="members", rule=_ONE, view=show_members),
    Page(name="changes", rule=f"{_ONE}/changes", view=show_changes),
    Page(name="syncs", rule=f"{_ONE}/syncs", view=show_syncs),
    Page(name="member", rule=f"{_ONE}/members/<raw:member_id>", view=show_member),
    Page(name="download", rule=f"{_ONE}/members.csv", view=download),
    Act(name="delete", rule=f"{_ONE}/delete", view=delete),
    Act(name="restore", rule=f"{_ONE}/restore", view=restore),
)

blueprint = pages.blueprint("cohort", PAGES)
