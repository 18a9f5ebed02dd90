"""The query API's earlier moments: the history of a member, and cohorts frozen into lists."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import fields, post_load

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import histories
from gateway.flows.sources import freeze as flow
from gateway.handlers.cohorts import ids, load_schemas, response_schemas
from gateway.handlers.http import deps, forms, operations, queries, responses, schemas, topics
from gateway.handlers.http.fields import Moment
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from flask import Response

    from gateway.core.access.actor import Actor


@dataclasses.dataclass(frozen=True, kw_only=True)
class HistoryAsked(queries.Fresh):
    """Which moment to tell about."""

    at: datetime.datetime | None = None


class HistoryQuery(queries.FreshQuery):
    """Query parameters of the history of a member."""

    value: ClassVar[type[object]] = HistoryAsked
    at = Moment(metadata={"description": "A moment; `member_at` tells whether they were in then."})


class FreezeForm(forms.Form):
    """The list to be made of a cohort."""

    name = forms.Line(required=True, metadata=schemas.says("What people call it.", "VIPs, May"))
    at = Moment(
        allow_none=True,
        metadata=schemas.says("The moment whose members it gets; null is now.", None),
    )

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> flow.Wanted:
        return flow.Wanted(**loaded)


class HistoryAnswer(schemas.Shown):
    """The history of a member in a cohort."""

    changes = fields.List(
        fields.Nested(response_schemas.ChangeAnswer),
        required=True,
        metadata=schemas.says("The newest first, as far back as changes are kept."),
    )
    member_now = fields.Boolean(required=True)
    member_at = fields.Boolean(
        required=True,
        allow_none=True,
        metadata=schemas.says("Null without `at`, or where what is kept does not tell.", None),
    )


def show_history(cohort_id: str, member_id: str, query: HistoryAsked) -> Response:
    """Show the changes of one member."""
    given = deps.current()
    found = histories.of_member(
        given.readers,
        ids.cohort(cohort_id),
        member_id,
        at=query.at,
        now=given.now(),
        min_seq=query.min_seq,
    )
    return responses.value(HistoryAnswer, found)


def freeze_cohort(cohort_id: str, body: flow.Wanted, actor: Actor) -> Response:
    """Make a list with the members of a cohort."""
    given = deps.current()
    found = flow.freeze(
        given.reading,
        ids.cohort(cohort_id),
        body,
        given.setup,
        max_cohorts=given.settings.max_cohorts,
        wake_ups=given.wake_ups,
        now=given.now(),
        actor=actor,
    )
    answer = responses.value(load_schemas.LoadAnswer, found, status=202)
    answer.headers["Location"] = f"/v1/loads/{found.id}"
    return answer


OPERATIONS: Final = (
    Operation(
        name="get_history",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/members/<raw:member_id>/history",
        view=show_history,
        scope=Scope.READ,
        topic=topics.MEMBERS,
        summary="Read the history of a member in a cohort",
        description="Of a cohort of any kind, and of an id that is no member as well.",
        query=HistoryQuery,
        answer=responses.of(HistoryAnswer, "The changes, the newest first."),
        refusals=(404,),
    ),
    Operation(
        name="freeze_cohort",
        method="POST",
        rule="/v1/cohorts/<raw:cohort_id>/freeze",
        view=freeze_cohort,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.COHORTS,
        summary="Make a list with the members of a cohort",
        description="As they are now, or were at a moment, of a cohort of any kind. A load fills"
        " the list; `Location` is its address. Of those that have left since the moment only the"
        " ids are known.",
        body=FreezeForm,
        answer=responses.of(load_schemas.LoadAnswer, "The load that fills the list.", status=202),
        refusals=(404, 410, 422, 429),
    ),
)

blueprint = operations.blueprint("histories", OPERATIONS)
