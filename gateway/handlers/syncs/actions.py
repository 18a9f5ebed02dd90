"""The query API's actions: what services did to members, once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from marshmallow import fields

from gateway import metrics
from gateway.core.access.scopes import Scope
from gateway.flows.syncs import actions as flow
from gateway.handlers.http import deps, operations, responses, schemas, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.syncs import action_requests

if TYPE_CHECKING:
    from flask import Response


class ActionAnswer(schemas.Shown):
    """What came of one action."""

    first = fields.Boolean(
        required=True,
        metadata=schemas.says("Whether this is the first of its kind, or repeats its claim."),
    )
    code = fields.String(metadata=schemas.says("Why it was rejected.", "no_cohort"))
    message = fields.String(metadata=schemas.says("The same in words.", "there is no such cohort"))


class ActionsAnswer(schemas.Shown):
    """What came of actions."""

    recorded = fields.Integer(required=True, metadata=schemas.says("Those told `first`.", 1))
    duplicate = fields.Integer(required=True, metadata=schemas.says("Those that were not.", 0))
    rejected = fields.Integer(required=True, metadata=schemas.says("Those not kept.", 0))
    results = fields.List(
        fields.Nested(ActionAnswer),
        required=True,
        metadata={"description": "In the order in which they were sent."},
    )


def record_actions(raw: bytes) -> Response:
    given, now = deps.current(), deps.current().now()
    found = flow.record(given.reading, action_requests.read(raw, now=now), now=now)
    rejected = sum(one.rejected is not None for one in found)
    recorded = sum(one.first for one in found)
    counts = {
        "recorded": recorded,
        "duplicate": len(found) - recorded - rejected,
        "rejected": rejected,
    }
    metrics.acted(counts)
    return responses.plain({**counts, "results": [_shown(one) for one in found]})


def _shown(one: flow.Result) -> dict[str, object]:
    why = {} if one.rejected is None else dataclasses.asdict(one.rejected)
    return {"first": one.first, **why}


OPERATIONS: Final = (
    Operation(
        name="record_actions",
        method="POST",
        rule="/v1/actions",
        view=record_actions,
        scope=Scope.WRITE,
        topic=topics.ACTIONS,
        summary="Record actions on members, each once",
        description="At most 1,000 at once. Of one source, member, action and key only the first is"
        " told `first`, for 400 days. With a `claim` it can be asked again after a lost answer. An"
        " action that cannot be recorded is rejected by itself.",
        reads={responses.JSON: action_requests.ActionsBody},
        max_body_bytes=action_requests.MAX_BYTES,
        answer=responses.of(ActionsAnswer, "What came of each."),
        refusals=(413,),
    ),
)

blueprint = operations.blueprint("actions", OPERATIONS)
