"""The query API's lists: members put in and taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import g

from gateway.core.access.scopes import Scope
from gateway.handlers.cohorts import edit_requests, edit_schemas, ids, response_schemas
from gateway.handlers.http import deps, once, operations, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response

    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.edit import Edit
    from gateway.flows.cohorts.edit import Result


def edit_members(cohort_id: str, raw: bytes, actor: Actor) -> Response:
    """Put members into a list and take others out."""
    found = _edit(cohort_id, edit_requests.edit(raw), raw, actor)
    if not found.is_applied:
        return _stored(found)
    return responses.value(edit_schemas.EditAnswer, found)


def put_member(cohort_id: str, member_id: str, raw: bytes, actor: Actor) -> Response:
    """Put a member into a list, with this profile."""
    found = _edit(cohort_id, edit_requests.member(raw, member_id), raw, actor)
    if not found.is_applied:
        return _stored(found)
    return responses.document(deps.current().editor.member(ids.cohort(cohort_id), member_id))


def remove_member(cohort_id: str, member_id: str, actor: Actor) -> Response:
    """Take a member out of a list."""
    found = _edit(cohort_id, edit_requests.removal(member_id), b"", actor)
    return responses.nothing() if found.is_applied else _stored(found)


def _edit(cohort_id: str, edit: Edit, raw: bytes, actor: Actor) -> Result:
    given = deps.current()
    return given.editor.edit(
        ids.cohort(cohort_id),
        edit,
        once.read(actor, raw),
        now=given.now(),
        request_id=g.request_id,
    )


def _stored(found: Result) -> Response:
    """Answer that an edit is stored, and will be applied in its turn."""
    return responses.value(edit_schemas.StoredEditAnswer, found, status=202)


_MEMBER: Final = "/v1/cohorts/<raw:cohort_id>/members/<raw:member_id>"
_LATER: Final = (
    "202 with the `session_id` alone if it takes longer than 5 seconds: it is stored, and is"
    " applied in its turn."
)

OPERATIONS: Final = (
    Operation(
        name="edit_members",
        method="POST",
        rule="/v1/cohorts/<raw:cohort_id>/members",
        view=edit_members,
        scope=Scope.WRITE,
        acts=True,
        once=True,
        topic=topics.MEMBERS,
        summary="Put members into a list and take others out",
        description="At most 10,000 together, none of them in both; all of it takes effect at once."
        " Entries without a usable id are skipped and counted by reason. Answered once reads show"
        f" it. {_LATER}",
        reads={responses.JSON: edit_requests.EditForm},
        max_body_bytes=edit_requests.MAX_EDIT_BYTES,
        answer=responses.of(edit_schemas.EditAnswer, "What came of it."),
        also=(responses.of(edit_schemas.StoredEditAnswer, "It is stored.", status=202),),
        refusals=(404, 409, 413, 422),
    ),
    Operation(
        name="put_member",
        method="PUT",
        rule=_MEMBER,
        view=put_member,
        scope=Scope.WRITE,
        acts=True,
        once=True,
        topic=topics.MEMBERS,
        summary="Put a member into a list, with this profile",
        description="The whole profile is replaced; `{}` empties it. As often as you like."
        f" {_LATER}",
        reads={responses.JSON: edit_requests.ProfileForm},
        max_body_bytes=edit_requests.MAX_EDIT_BYTES,
        answer=responses.of(response_schemas.MemberAnswer, "The member."),
        also=(responses.of(edit_schemas.StoredEditAnswer, "It is stored.", status=202),),
        refusals=(404, 409, 413, 422),
    ),
    Operation(
        name="remove_member",
        method="DELETE",
        rule=_MEMBER,
        view=remove_member,
        scope=Scope.WRITE,
        acts=True,
        once=True,
        topic=topics.MEMBERS,
        summary="Take a member out of a list",
        description=f"As often as you like, also of one that is none. {_LATER}",
        answer=operations.NOTHING,
        also=(responses.of(edit_schemas.StoredEditAnswer, "It is stored.", status=202),),
        refusals=(404, 409, 422),
    ),
)

blueprint = operations.blueprint("edits", OPERATIONS)
