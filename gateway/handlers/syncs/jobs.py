"""The query API's sync jobs: cohorts that are kept at destinations, and each of their runs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from flask import Response

from gateway.core.access.scopes import Scope
from gateway.core.syncs.job import Asked
from gateway.flows.syncs import deletion, overview
from gateway.flows.syncs import jobs as flow
from gateway.flows.syncs import preview as previews
from gateway.handlers.http import cursors, deps, operations, queries, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.http.variables import Variable
from gateway.handlers.syncs import job_requests as requests
from gateway.handlers.syncs import job_schemas as schemas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.core.access.actor import Actor

VARIABLES: Final[Mapping[str, Variable]] = {
    "job_id": Variable(description="The id of a sync job.", example="3"),
    "number": Variable(description="The number of a run.", example="1"),
}
_MOST: Final = 2**31 - 1
# What a spreadsheet would take for a formula.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def list_sync_jobs(query: requests.JobsAsked) -> Response:
    cursor = cursors.SYNC_JOBS.of(query.cohort_id, query.destination, query.state)
    (after,) = cursor.read(query.cursor, start=(0,))
    cohort = None if query.cohort_id is None else _cohort(query.cohort_id)
    found = overview.listing(
        deps.current().reading,
        cohort=cohort,
        slug=query.destination,
        state=query.state,
        after=after,
        limit=query.limit,
    )
    return responses.part(schemas.JobsAnswer, "sync_jobs", found, cursor)


def _cohort(text: str) -> int:
    """Read the id of a cohort in a filter; one that can be none matches nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0  # noqa: PLR2004


def create_sync_job(body: flow.Wanted, actor: Actor) -> Response:
    """Make a job."""
    given = deps.current()
    job_id = flow.create(given.reading, body, given.sending, now=given.now(), actor=actor)
    found = overview.entry(given.reading, job_id)
    answer = responses.value(schemas.JobAnswer, found, status=201)
    answer.headers["Location"] = f"/v1/sync-jobs/{job_id}"
    return answer


def preview_sync_job(body: flow.Wanted, actor: Actor) -> Response:
    given = deps.current()
    with given.waits.turn():
        found = previews.preview(
            given.reading,
            body,
            given.sending,
            suppress=given.settings.suppress,
            now=given.now(),
            actor=actor,
        )
    return responses.value(schemas.JobPreviewAnswer, found)


def get_sync_job(job_id: str) -> Response:
    found = overview.entry(deps.current().reading, requests.number(job_id))
    return responses.value(schemas.JobAnswer, found)


def change_sync_job(job_id: str, body: flow.Changes, actor: Actor) -> Response:
    given, one = deps.current(), requests.number(job_id)
    flow.change(given.reading, one, body, given.sending, now=given.now(), actor=actor)
    return _answer(one)


def delete_sync_job(job_id: str, query: requests.DeletionAsked, actor: Actor) -> Response:
    """Delete a job, at once or when everything is taken out."""
    given, one = deps.current(), requests.number(job_id)
    later = deletion.delete(
        given.reading, one, given.sending, remove=query.remove, now=given.now(), actor=actor
    )
    return _answer(one, status=202) if later else responses.nothing()


def run_sync_job(job_id: str, actor: Actor) -> Response:
    given, one = deps.current(), requests.number(job_id)
    flow.run(given.reading, one, now=given.now(), actor=actor)
    return _answer(one, status=202)


def resync_sync_job(job_id: str, actor: Actor) -> Response:
    given, one = deps.current(), requests.number(job_id)
    flow.run(given.reading, one, asked=Asked.RESYNC, now=given.now(), actor=actor)
    return _answer(one, status=202)


def pause_sync_job(job_id: str, actor: Actor) -> Response:
    given, one = deps.current(), requests.number(job_id)
    flow.pause(given.reading, one, now=given.now(), actor=actor)
    return _answer(one, status=202)


def resume_sync_job(job_id: str, actor: Actor) -> Response:
    given, one = deps.current(), requests.number(job_id)
    flow.resume(given.reading, one, now=given.now(), actor=actor)
    return _answer(one, status=202)


def list_sync_runs(job_id: str, query: queries.Paging) -> Response:
    one = requests.number(job_id)
    cursor = cursors.SYNC_RUNS.of(one)
    (before,) = cursor.read(query.cursor, start=(_MOST,))
    found = overview.list_runs(deps.current().reading, one, before=before, limit=query.limit)
    return responses.part(schemas.RunsAnswer, "runs", found, cursor)


def get_sync_run(job_id: str, number: str) -> Response:
    pool = deps.current().reading
    found = overview.run(pool, requests.number(job_id), requests.number(number))
    return responses.value(schemas.RunAnswer, found)


def get_sync_run_rejections(job_id: str, number: str, actor: Actor) -> Response:
    given, one, run = deps.current(), requests.number(job_id), requests.number(number)
    found = overview.rejected(given.reading, one, run, now=given.now(), actor=actor)
    answer = Response(write_csv(found), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="rejected-{one}-{run}.csv"'
    return answer


def approve_sync_run(job_id: str, number: str, actor: Actor) -> Response:
    given, one, run = deps.current(), requests.number(job_id), requests.number(number)
    flow.approve(given.reading, one, run, now=given.now(), actor=actor)
    found = overview.run(given.reading, one, run)
    return responses.value(schemas.RunAnswer, found)


def write_csv(rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    """Write rejected rows, with nothing in them that a spreadsheet takes for a formula."""
    yield "member_id,reason,message\r\n"
    for row in rows:
        line = io.StringIO()
        cells = [f"'{one}" if one.startswith(_FORMULAS) else one for one in row]
        csv.writer(line).writerow(cells)
        yield line.getvalue()


def _answer(job_id: int, *, status: int = 200) -> Response:
    found = overview.entry(deps.current().reading, job_id)
    return responses.value(schemas.JobAnswer, found, status=status)


def _act(name: str, verb: str, view: object, summary: str) -> Operation:
    return Operation(
        name=name,
        method="POST",
        rule=f"/v1/sync-jobs/<number:job_id>/{verb}",
        view=view,  # type: ignore[arg-type]
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SYNC_JOBS,
        summary=summary,
        answer=responses.of(schemas.JobAnswer, "The job as it is now.", status=202),
        refusals=(404, 409),
    )


OPERATIONS: Final = (
    Operation(
        name="list_sync_jobs",
        method="GET",
        rule="/v1/sync-jobs",
        view=list_sync_jobs,
        scope=Scope.READ,
        topic=topics.SYNC_JOBS,
        summary="List sync jobs",
        query=requests.JobsQuery,
        answer=responses.of(schemas.JobsAnswer, "A part of the list."),
    ),
    Operation(
        name="create_sync_job",
        method="POST",
        rule="/v1/sync-jobs",
        view=create_sync_job,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SYNC_JOBS,
        summary="Keep a cohort at a destination",
        description="The first run begins at once. A cohort has one job to a destination that is"
        " not `done`: another is 409 `sync_job_exists` with its `id`.",
        body=requests.NewJobForm,
        answer=responses.of(schemas.JobAnswer, "The job.", status=201),
        refusals=(409, 422),
    ),
    Operation(
        name="preview_sync_job",
        method="POST",
        rule="/v1/sync-jobs/preview",
        view=preview_sync_job,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SYNC_JOBS,
        summary="Say what a job would send",
        description="Shares are those of the first 5,000 members by id. Nothing is sent or kept.",
        body=requests.NewJobForm,
        answer=responses.of(schemas.JobPreviewAnswer, "Counts, shares and three rows."),
        refusals=(422,),
    ),
    Operation(
        name="get_sync_job",
        method="GET",
        rule="/v1/sync-jobs/<number:job_id>",
        view=get_sync_job,
        scope=Scope.READ,
        topic=topics.SYNC_JOBS,
        summary="Read a sync job",
        answer=responses.of(schemas.JobAnswer, "The job."),
        refusals=(404,),
    ),
    Operation(
        name="change_sync_job",
        method="PATCH",
        rule="/v1/sync-jobs/<number:job_id>",
        view=change_sync_job,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SYNC_JOBS,
        summary="Change a sync job",
        body=requests.JobForm,
        answer=responses.of(schemas.JobAnswer, "The job as it is now."),
        refusals=(404, 409, 422),
    ),
    Operation(
        name="delete_sync_job",
        method="DELETE",
        rule="/v1/sync-jobs/<number:job_id>",
        view=delete_sync_job,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SYNC_JOBS,
        summary="Delete a sync job",
        description="Members stay at the destination. With `remove=true` all that this job has"
        " added are taken out first: 202, and the job is gone when that is done; 409"
        " `cannot_remove` at a destination that can only be added to.",
        query=requests.DeletionQuery,
        answer=operations.NOTHING,
        also=(responses.of(schemas.JobAnswer, "The job, until all are taken out.", status=202),),
        refusals=(404, 409),
    ),
    _act("run_sync_job", "run", run_sync_job, "Run a job now"),
    _act("pause_sync_job", "pause", pause_sync_job, "Pause a job"),
    _act("resume_sync_job", "resume", resume_sync_job, "Let a paused or stopped job go on"),
    _act("resync_sync_job", "resync", resync_sync_job, "Send everything anew"),
    Operation(
        name="list_sync_runs",
        method="GET",
        rule="/v1/sync-jobs/<number:job_id>/runs",
        view=list_sync_runs,
        scope=Scope.READ,
        topic=topics.SYNC_JOBS,
        summary="List the runs of a job",
        description="Newest first.",
        query=queries.PagingQuery,
        answer=responses.of(schemas.RunsAnswer, "A part of the list."),
        refusals=(404,),
    ),
    Operation(
        name="get_sync_run",
        method="GET",
        rule="/v1/sync-jobs/<number:job_id>/runs/<raw:number>",
        view=get_sync_run,
        scope=Scope.READ,
        topic=topics.SYNC_JOBS,
        summary="Read a run",
        answer=responses.of(schemas.RunAnswer, "The run."),
        refusals=(404,),
    ),
    Operation(
        name="get_sync_run_rejections",
        method="GET",
        rule="/v1/sync-jobs/<number:job_id>/runs/<raw:number>/rejected.csv",
        view=get_sync_run_rejections,
        scope=Scope.READ,
        acts=True,
        topic=topics.SYNC_JOBS,
        summary="Download the rows that a vendor rejected",
        answer=operations.Answer(
            status=200,
            description="A row for each, with the vendor's words.",
            content={
                "text/csv": operations.Text(
                    description="CSV with a header.",
                    example="member_id,reason,message\r\nada,invalid,no such user\r\n",
                )
            },
        ),
        refusals=(404,),
    ),
    Operation(
        name="approve_sync_run",
        method="POST",
        rule="/v1/sync-jobs/<number:job_id>/runs/<raw:number>/approve",
        view=approve_sync_run,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.SYNC_JOBS,
        summary="Let a run go on that would remove many",
        answer=responses.of(schemas.RunAnswer, "The run as it is now."),
        refusals=(404, 409),
    ),
)

blueprint = operations.blueprint("sync_jobs", OPERATIONS)
