"""The query API's members: those of a cohort, and the cohorts of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.datastructures import MIMEAccept

from gateway.core.access.scopes import Scope
from gateway.flows import erasure
from gateway.flows.cohorts import erase, lookup
from gateway.flows.cohorts import export as flow
from gateway.handlers.cohorts import exports, ids, requests, response_schemas
from gateway.handlers.http import conditional, cursors, deps, operations, queries, responses, topics
from gateway.handlers.http.operations import Answer, Operation, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response

    from gateway.core.access.actor import Actor
    from gateway.flows.cohorts.export import Export
    from gateway.flows.cohorts.lookup import Tagged


def list_members(cohort_id: str, query: requests.PagingOfCohort, actor: Actor) -> Response:
    """List the members of a cohort in the form that the request accepts."""
    answer = FORMS[_form()](ids.cohort(cohort_id), query, actor)
    answer.vary.add("Accept")
    return answer


def _form() -> str:
    """Read which form is accepted; parameters of it, such as a charset, do not matter."""
    bare = [(kind.partition(";")[0].strip(), quality) for kind, quality in request.accept_mimetypes]
    return MIMEAccept(bare).best_match(FORMS, default=responses.JSON)


def get_member(cohort_id: str, member_id: str, query: queries.Fresh) -> Response:
    readers, number = deps.current().readers, ids.cohort(cohort_id)
    found = lookup.member(readers, number, member_id, min_seq=query.min_seq)
    return conditional.by_content(responses.document(found))


def list_cohorts_of(member_id: str, query: requests.JoinedAsked) -> Response:
    source, project_id = query.source, query.project_id
    cursor = cursors.JOINED.of(member_id, source, project_id)
    (after,) = cursor.read(query.cursor, start=(0,))
    given = deps.current()
    found = lookup.cohorts_of(
        given.readers,
        member_id,
        source=source,
        project_id=project_id,
        now=given.now(),
        after=after,
        limit=query.limit,
    )
    return responses.plain_part("cohorts", found, cursor, beside={"member_id": member_id})


def check_membership(body: requests.CheckAsked) -> Response:
    """Tell which of some people are in which of some cohorts."""
    given, numbers = deps.current(), ids.cohorts(body.cohort_ids)
    found = lookup.check(given.readers, numbers.values(), body.member_ids, now=given.now())
    inside = {text: found.inside.get(number, []) for text, number in numbers.items()}
    stale = {text: found.stale[one] for text, one in numbers.items() if one in found.stale}
    unknown = [text for text, one in numbers.items() if one not in found.inside]
    return responses.plain({"memberships": inside, "stale": stale, "unknown_cohorts": unknown})


def erase_member(member_id: str, query: requests.Where) -> Response:
    given = deps.current()
    where = erase.Where(source=query.source, project_id=query.project_id)
    erasure.erase(given.reading, member_id, where, now=given.now())
    given.readers.settle()
    return responses.nothing()


def _page(cohort_id: int, query: requests.PagingOfCohort, _: Actor) -> Response:
    readers, cursor = deps.current().readers, cursors.MEMBERS.of(cohort_id)
    (after,) = cursor.read(query.cursor, start=("",))
    asker = conditional.asker(query)
    found = lookup.members(readers, cohort_id, after=after, limit=query.limit, asker=asker)
    return conditional.by_version(
        found,
        lambda part: responses.documents(
            "members", part, cursor, ready=lambda member: member.document
        ),
    )


def _ndjson(cohort_id: int, query: requests.PagingOfCohort, actor: Actor) -> Response:
    found = deps.current().exporter.ndjson(cohort_id, conditional.asker(query))
    return _stream(found, cohort_id, actor, exports.NDJSON, "ndjson")


def _csv(cohort_id: int, query: requests.PagingOfCohort, actor: Actor) -> Response:
    found = deps.current().exporter.csv(cohort_id, conditional.asker(query))
    return _stream(found, cohort_id, actor, exports.CSV, "csv")


def _stream(
    found: Tagged[Export], cohort_id: int, actor: Actor, media_type: str, form: str
) -> Response:
    given = deps.current()

    def answer(export: Export) -> Response:
        flow.record(given.reading, actor, cohort_id, form, now=given.now())
        return exports.Stream(export, media_type, filename=f"cohort-{cohort_id}.{form}")

    return conditional.by_version(found, answer)


FORMS: Final[Mapping[str, Callable[[int, requests.PagingOfCohort, Actor], Response]]] = {
    responses.JSON: _page,
    exports.NDJSON: _ndjson,
    exports.CSV: _csv,
}

_LINES: Final = Text(
    description="One member a line.",
    example='{"member_id":"u-1842","distinct_id":"u-1842","email":"ada@example.com",'
    '"first_name":"Ada","last_name":"Lovelace","phone":null,"properties":{"plan":"pro"},'
    '"entered_at":"2026-01-31T09:30:00.000000Z"}\n',
    line=response_schemas.MemberAnswer,
)
_TABLE: Final = Text(
    description="A header row, then one member a row; `properties` is JSON.",
    example="member_id,distinct_id,email,first_name,last_name,phone,properties,entered_at\n"
    'u-1842,u-1842,ada@example.com,Ada,Lovelace,,"{""plan"":""pro""}",'
    "2026-01-31T09:30:00.000000Z\n",
)

OPERATIONS: Final = (
    Operation(
        name="list_members",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/members",
        view=list_members,
        scope=Scope.READ,
        acts=True,
        topic=topics.MEMBERS,
        summary="List the members of a cohort, or stream all of them",
        description="JSON is paged, by the bytes of the member ids. NDJSON and CSV stream the"
        " whole cohort as it is at one moment, whatever `limit` and `cursor` say;"
        " `Content-Disposition` names a file, and `X-Last-Seq` tells the newest change that it"
        " shows, after which to follow the changes. A stream that breaks ends without its last"
        " chunk, to HTTP/1.0 with a reset of the connection. Only so many are made at once.",
        query=requests.PagingOfCohortQuery,
        answer=Answer(
            status=200,
            description="A part of the list, or with another Accept all of it.",
            content={
                responses.JSON: response_schemas.MembersAnswer,
                exports.NDJSON: _LINES,
                exports.CSV: _TABLE,
            },
        ),
        refusals=(404, 429),
        tagged=True,
    ),
    Operation(
        name="get_member",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/members/<raw:member_id>",
        view=get_member,
        scope=Scope.READ,
        topic=topics.MEMBERS,
        summary="Read a member of a cohort",
        query=queries.FreshQuery,
        answer=responses.of(response_schemas.MemberAnswer, "The member."),
        refusals=(404,),
        tagged=True,
    ),
    Operation(
        name="list_cohorts_of_member",
        method="GET",
        rule="/v1/members/<raw:member_id>/cohorts",
        view=list_cohorts_of,
        scope=Scope.READ,
        topic=topics.MEMBERS,
        summary="List the cohorts of a member",
        description="In the order of their creation; without `limit` all of them, or as many as fit"
        " into an answer.",
        query=requests.JoinedQuery,
        answer=responses.of(
            response_schemas.MemberCohortsAnswer, "The cohorts; none for a stranger."
        ),
    ),
    Operation(
        name="check_membership",
        method="POST",
        rule="/v1/membership/check",
        view=check_membership,
        scope=Scope.READ,
        topic=topics.MEMBERS,
        summary="Check many people in many cohorts at once",
        description="A cohort that does not exist, or was deleted, has an empty list and stands in"
        " `unknown_cohorts`. A request is refused if its answer could exceed 16 MiB: send fewer"
        " cohorts or ids.",
        body=requests.CheckBody,
        max_body_bytes=requests.MAX_CHECK_BYTES,
        answer=responses.of(
            response_schemas.CheckAnswer, "The members among the ids asked for, by cohort."
        ),
    ),
    Operation(
        name="erase_member",
        method="DELETE",
        rule="/v1/members/<raw:member_id>",
        view=erase_member,
        scope=Scope.ADMIN,
        topic=topics.MEMBERS,
        summary="Erase a person",
        description="From every cohort, from the history and from stored pages; without filters"
        " in all sources. Pages of sessions that had begun by then never bring them back.",
        query=requests.WhereQuery,
        answer=operations.NOTHING,
    ),
)

blueprint = operations.blueprint("members", OPERATIONS)
