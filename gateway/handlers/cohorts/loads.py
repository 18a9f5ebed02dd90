"""The query API's loads: files into lists, and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Response, request
from werkzeug import http

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import load_lookup, load_queue, planned
from gateway.handlers.cohorts import exports, ids, load_requests, load_schemas
from gateway.handlers.http import cursors, deps, operations, queries, responses, topics
from gateway.handlers.http.operations import Answer, Operation, Text

if TYPE_CHECKING:
    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.receipt import Receipt


def load(cohort_id: str, query: load_requests.LoadAsked, raw: bytes, actor: Actor) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    file = load_queue.File(data=raw or None, name=_name(), upload=query.upload)
    found = planned.accept_load(
        given.accepting,
        number,
        file,
        query.wanted,
        max_bytes=given.settings.max_upload_bytes,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=actor,
    )
    answer = _answer(found, 202)
    answer.headers["Location"] = f"/v1/loads/{found.id}"
    return answer


def list_loads_of_cohort(cohort_id: str, query: queries.Paging) -> Response:
    number = ids.cohort(cohort_id)
    cursor = cursors.LOADS.of(number)
    (before,) = cursor.read(query.cursor, start=(load_lookup.NEWEST,))
    pool = deps.current().reading
    found = load_lookup.of_cohort(pool, number, before=before, limit=query.limit)
    return responses.part(load_schemas.LoadsAnswer, "loads", found, cursor)


def list_loads(query: load_requests.LoadsAsked) -> Response:
    cursor = cursors.LOADS.of(None, query.state)
    (before,) = cursor.read(query.cursor, start=(load_lookup.NEWEST,))
    pool = deps.current().reading
    found = load_lookup.of_all(pool, state=query.state, before=before, limit=query.limit)
    return responses.part(load_schemas.LoadsAnswer, "loads", found, cursor)


def get_load(load_id: str, query: load_requests.WaitAsked) -> Response:
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    with given.waits.up_to(query.wait) as seconds:
        found = load_lookup.await_change(
            given.reading, cohort_id, number, seconds=seconds, ending=deps.ending()
        )
    return _answer(found)


def sample_load(load_id: str) -> Response:
    cohort_id, number = ids.load(load_id)
    rows = load_lookup.sample(deps.current().reading, cohort_id, number)
    return responses.plain({"rows": rows})


def list_rejected(load_id: str, actor: Actor) -> Response:
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    now = given.now()
    pieces = load_lookup.rejected(given.reading, cohort_id, number, now=now, actor=actor)
    answer = Response(pieces, mimetype=exports.CSV)
    name = f"load-{load_id}-rejected.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def change_load(load_id: str, body: load_queue.Changes, actor: Actor) -> Response:
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    found = load_queue.change(
        given.accepting,
        cohort_id,
        number,
        body,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=actor,
    )
    return _answer(found)


def approve_load(load_id: str, actor: Actor) -> Response:
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    found = load_queue.approve(
        given.accepting, cohort_id, number, wake_ups=given.wake_ups, now=given.now(), actor=actor
    )
    return _answer(found)


def cancel_load(load_id: str, actor: Actor) -> Response:
    given, (cohort_id, number) = deps.current(), ids.load(load_id)
    found = load_queue.cancel(given.accepting, cohort_id, number, now=given.now(), actor=actor)
    return _answer(found)


def _name() -> str | None:
    """Return what the sender calls the file of a body, if anything (RFC 6266)."""
    _, given = http.parse_options_header(request.headers.get("Content-Disposition"))
    return given.get("filename")


def _answer(found: Receipt, status: int = 200) -> Response:
    return responses.value(load_schemas.LoadAnswer, found, status)


_REJECTED: Final = Text(
    description="A header row, then each rejected row: its number, the reason, and its cells. A"
    " cell that a spreadsheet would take for a formula has `'` in front.",
    example="row,reason,id,plan\r\n3,missing_id,,pro\r\n",
)

_FILE: Final = Text(
    description="The file; nothing if `upload` names one.",
    example="id,email,plan\nu-1842,ada@example.com,pro\n",
)

OPERATIONS: Final = (
    Operation(
        name="load_file",
        method="POST",
        rule="/v1/cohorts/<raw:cohort_id>/loads",
        view=load,
        scope=Scope.WRITE,
        acts=True,
        topic=topics.LOADS,
        summary="Load a cohort",
        description="Into a list the body is a file: CSV, XLSX, NDJSON, or one id a line, of at"
        " most 16 MiB, with its name in `Content-Disposition` if you like; a larger one comes by"
        " `/v1/uploads`. Of a cohort with a definition there is"
        " no body, and what the definition says is read now. Nothing changes until all was read.",
        query=load_requests.LoadQuery,
        reads={load_requests.BYTES: _FILE},
        max_body_bytes=load_requests.MAX_FILE_BYTES,
        answer=responses.of(load_schemas.LoadAnswer, "The load, which is queued.", status=202),
        refusals=(404, 409, 413, 422),
    ),
    Operation(
        name="list_loads_of_cohort",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/loads",
        view=list_loads_of_cohort,
        scope=Scope.READ,
        topic=topics.LOADS,
        summary="List the loads of a cohort",
        description="Newest first; they are kept 91 days.",
        query=queries.PagingQuery,
        answer=responses.of(load_schemas.LoadsAnswer, "A part of the list."),
        refusals=(404,),
    ),
    Operation(
        name="list_loads",
        method="GET",
        rule="/v1/loads",
        view=list_loads,
        scope=Scope.READ,
        topic=topics.LOADS,
        summary="List the loads of all cohorts",
        description="Newest first.",
        query=load_requests.LoadsQuery,
        answer=responses.of(load_schemas.LoadsAnswer, "A part of the list."),
    ),
    Operation(
        name="get_load",
        method="GET",
        rule="/v1/loads/<raw:load_id>",
        view=get_load,
        scope=Scope.READ,
        topic=topics.LOADS,
        summary="Read a load, or wait for it",
        query=load_requests.WaitQuery,
        answer=responses.of(load_schemas.LoadAnswer, "The load."),
        refusals=(404,),
    ),
    Operation(
        name="sample_load",
        method="GET",
        rule="/v1/loads/<raw:load_id>/sample",
        view=sample_load,
        scope=Scope.READ,
        topic=topics.LOADS,
        summary="Show the first rows of a load",
        description="As they were understood, at most 20; kept 30 days.",
        answer=responses.of(load_schemas.SampleAnswer, "The rows."),
        refusals=(404,),
    ),
    Operation(
        name="list_rejected_rows",
        method="GET",
        rule="/v1/loads/<raw:load_id>/rejected.csv",
        view=list_rejected,
        scope=Scope.READ,
        acts=True,
        topic=topics.LOADS,
        summary="Download the rejected rows of a load",
        description="Kept 30 days.",
        answer=Answer(status=200, description="The rows.", content={exports.CSV: _REJECTED}),
        refusals=(404,),
    ),
    Operation(
        name="change_load",
        method="PATCH",
        rule="/v1/loads/<raw:load_id>",
        view=change_load,
        scope=Scope.WRITE,
        acts=True,
        topic=topics.LOADS,
        summary="Read the file of a load anew",
        description="Of a load that waits for an approval. It keeps its place in order.",
        body=load_requests.LoadForm,
        max_body_bytes=load_requests.MAX_CHANGES_BYTES,
        answer=responses.of(load_schemas.LoadAnswer, "The load, which is queued again."),
        refusals=(404, 409, 413, 422),
    ),
    Operation(
        name="approve_load",
        method="POST",
        rule="/v1/loads/<raw:load_id>/approve",
        view=approve_load,
        scope=Scope.WRITE,
        acts=True,
        topic=topics.LOADS,
        summary="Approve a load that waits",
        description="Approving a review does not waive a shrink that is found when it is applied.",
        answer=responses.of(load_schemas.LoadAnswer, "The load."),
        refusals=(404, 409),
    ),
    Operation(
        name="cancel_load",
        method="POST",
        rule="/v1/loads/<raw:load_id>/cancel",
        view=cancel_load,
        scope=Scope.WRITE,
        acts=True,
        topic=topics.LOADS,
        summary="Cancel a load",
        description="It changes nothing. A load that is being applied is 409 `wrong_state`.",
        answer=responses.of(load_schemas.LoadAnswer, "The load."),
        refusals=(404, 409),
    ),
)

blueprint = operations.blueprint("loads", OPERATIONS)
