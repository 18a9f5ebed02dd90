"""A sync job: its runs, what it is set to, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Response

from gateway.core.access.scopes import Scope
from gateway.core.syncs import mapping as rules
from gateway.core.syncs.job import Asked
from gateway.flows.syncs import deletion, overview, pairs
from gateway.flows.syncs import jobs as flow
from gateway.handlers.console import forms, ids, pages, session, site, sync_jobs
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.http import cursors, deps
from gateway.handlers.http import forms as schemas
from gateway.handlers.syncs import job_requests
from gateway.handlers.syncs import jobs as api

if TYPE_CHECKING:
    from gateway import errors
    from gateway.handlers.console.forms import Form

_NEWEST: Final = 2**31 - 1


def show(job_id: str) -> Response:
    given, number = deps.current(), ids.job(job_id)
    cursor = cursors.SYNC_RUNS.of("console", number)
    (before,) = cursor.read(forms.asked("cursor"), start=(_NEWEST,))
    found = overview.single(given.reading, number, before=before, limit=pages.ROWS)
    more = cursor.write(found.runs.end)
    return pages.render(
        "sync_jobs/job.html",
        job=found.job,
        cohort=found.cohort,
        runs=found.runs,
        extent=found.extent,
        most_counted=overview.MOST_COUNTED,
        more=more,
    )


def show_run(job_id: str, number: str) -> Response:
    found = overview.single_run(deps.current().reading, ids.job(job_id), ids.run(number))
    return pages.render("sync_jobs/run.html", job=found.job, cohort=found.cohort, run=found.run)


def download_rejected(job_id: str, number: str) -> Response:
    given, one, actor = deps.current(), ids.job(job_id), session.visitor().actor
    found = overview.rejected(given.reading, one, ids.run(number), now=given.now(), actor=actor)
    name = f"sync-job-{job_id}-run-{number}-rejected.csv"
    headers = {**site.HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(api.write_csv(found), 200, headers, mimetype="text/csv")


def show_settings(job_id: str) -> Response:
    return _show_settings(job_id)


def save(job_id: str, form: Form) -> Response:
    given, number = deps.current(), ids.job(job_id)
    job = overview.entry(given.reading, number)
    pair = pairs.find(given.reading, given.sending, int(job.cohort_id), job.destination)
    sent = {
        "frequency": form.get("frequency", ""),
        "mode": form.get("mode", ""),
        "mapping": sync_jobs.mapped(pair.facts, form),
        "suppress": sync_jobs.suppressed(form),
    }
    flow.change(
        given.reading,
        number,
        schemas.load(job_requests.JobForm, sent),
        given.sending,
        now=given.now(),
        actor=session.visitor().actor,
    )
    return pages.go("sync-jobs", number, done="job-saved")


def save_again(job_id: str, form: Form, error: errors.Refused) -> Response:
    return _show_settings(job_id, form, error)


def run(job_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    return _run(job_id, Asked.RUN, "job-run")


def resync(job_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    return _run(job_id, Asked.RESYNC, "job-resync")


def pause(job_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given, number = deps.current(), ids.job(job_id)
    flow.pause(given.reading, number, now=given.now(), actor=session.visitor().actor)
    return pages.go("sync-jobs", number, done="job-paused")


def resume(job_id: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given, number = deps.current(), ids.job(job_id)
    flow.resume(given.reading, number, now=given.now(), actor=session.visitor().actor)
    return pages.go("sync-jobs", number, done="job-resumed")


def delete(job_id: str, form: Form) -> Response:
    """Delete a job, at once or when all it has sent is taken out."""
    given, number, remove = deps.current(), ids.job(job_id), form.get("do") == "remove"
    actor = session.visitor().actor
    later = deletion.delete(
        given.reading, number, given.sending, remove=remove, now=given.now(), actor=actor
    )
    if later:
        return pages.go("sync-jobs", number, done="job-emptying")
    return pages.go("sync-jobs", done="job-deleted")


def approve(job_id: str, number: str, form: Form) -> Response:  # noqa: ARG001 - the button is all
    given, one, actor = deps.current(), ids.job(job_id), session.visitor().actor
    flow.approve(given.reading, one, ids.run(number), now=given.now(), actor=actor)
    return pages.go("sync-jobs", one, done="run-approved")


def _run(job_id: str, asked: Asked, done: str) -> Response:
    given, number = deps.current(), ids.job(job_id)
    actor = session.visitor().actor
    flow.run(given.reading, number, asked=asked, now=given.now(), actor=actor)
    return pages.go("sync-jobs", number, done=done)


def _show_settings(
    job_id: str, form: Form | None = None, error: errors.Refused | None = None
) -> Response:
    given, number = deps.current(), ids.job(job_id)
    job = overview.entry(given.reading, number)
    pair = pairs.find(given.reading, given.sending, int(job.cohort_id), job.destination)
    shown = {
        "frequency": job.frequency,
        "mode": job.mode,
        "suppress": " ".join(job.suppress),
        **sync_jobs.typed(pair.facts, job.mapping),
    }
    return pages.render(
        "sync_jobs/settings.html",
        job=job,
        cohort=pair.cohort.name,
        pair=pair,
        rows=sync_jobs.rows(pair.facts),
        fields=rules.FIELDS,
        form=form or shown,
        error=error,
    )


_ONE: Final = "/sync-jobs/<raw:job_id>"
_RUN: Final = f"{_ONE}/runs/<raw:number>"

PAGES: Final = (
    Page(name="job", rule=_ONE, view=show),
    Page(name="settings", rule=f"{_ONE}/settings", view=show_settings, scope=Scope.ADMIN),
    Page(name="run_of_job", rule=_RUN, view=show_run),
    Page(name="rejected", rule=f"{_RUN}/rejected.csv", view=download_rejected),
    Act(name="save", rule=f"{_ONE}/settings", view=save, again=save_again),
    Act(name="run", rule=f"{_ONE}/run", view=run),
    Act(name="resync", rule=f"{_ONE}/resync", view=resync),
    Act(name="pause", rule=f"{_ONE}/pause", view=pause),
    Act(name="resume", rule=f"{_ONE}/resume", view=resume),
    Act(name="delete", rule=f"{_ONE}/delete", view=delete),
    Act(name="approve", rule=f"{_RUN}/approve", view=approve),
)

blueprint = pages.blueprint("sync_job", PAGES)
