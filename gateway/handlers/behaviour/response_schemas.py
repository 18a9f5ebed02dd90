"""What the calls of rules answer."""

from __future__ import annotations

from marshmallow import fields

from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time
from gateway.handlers.http.schemas import Shown


class SampledAnswer(Shown):
    """One of the people that meet a rule."""

    person_id = fields.String(required=True, metadata=schemas.like("u-1842"))
    traits = fields.Dict(keys=fields.String(), values=Json(allow_none=True), required=True)


class NodeCountAnswer(Shown):
    """How many people a node of the rule holds for."""

    path = fields.String(required=True, metadata=schemas.like("rule.all.0"))
    count = fields.Integer(required=True)


class RanAnswer(Shown):
    """What a run of a rule found."""

    count = fields.Integer(required=True, metadata=schemas.says("The people that meet the rule."))
    of = fields.Integer(required=True, metadata=schemas.says("All people of the source."))
    sample = fields.List(
        fields.Nested(SampledAnswer), required=True, metadata=schemas.says("At most 50 of them.")
    )
    as_of = Time(required=True)
    milliseconds = fields.Float(required=True)
    would_enter = fields.Integer(metadata=schemas.says("Only with `compare`."))
    would_exit = fields.Integer(metadata=schemas.says("Only with `compare`."))
    nodes = fields.List(
        fields.Nested(NodeCountAnswer), metadata=schemas.says("Only with `nodes=true`.")
    )


class ExplainedEventAnswer(Shown):
    """An event that a node counts."""

    event = fields.String(required=True)
    time = Time(required=True)
    properties = fields.Dict(keys=fields.String(), values=Json(allow_none=True), required=True)


class ExplainedNodeAnswer(Shown):
    """A node of the rule, and what was found for it."""

    path = fields.String(required=True, metadata=schemas.like("rule"))
    kind = fields.String(required=True, metadata=schemas.like("did"))
    holds = fields.Boolean(required=True)
    counted = fields.Dict(
        keys=fields.String(),
        values=Json(),
        metadata=schemas.says("Of `did`: what was counted.", {"count": 2}),
    )
    compared = Json(
        allow_none=True, metadata=schemas.says("What it was compared with.", {"count": {}})
    )
    value = Json(allow_none=True, metadata=schemas.says("Of `trait`: the value there is."))
    cohort_id = fields.String(metadata=schemas.says("Of `in_cohort`."))
    events = fields.List(
        fields.Nested(ExplainedEventAnswer),
        metadata=schemas.says("Of `did`: the newest 5 that count."),
    )
    children = fields.List(
        fields.Dict(keys=fields.String(), values=Json(allow_none=True)),
        metadata=schemas.says("Of `all`, `any` and `not`, in the order of the rule.", []),
    )


class ExplainedAnswer(Shown):
    """Why a rule holds for a person, or does not."""

    person_id = fields.String(required=True)
    holds = fields.Boolean(required=True)
    as_of = Time(required=True)
    rule = fields.Nested(ExplainedNodeAnswer, required=True)


class TouchingChangeAnswer(Shown):
    """An entry or an exit of a member."""

    seq = fields.Integer(required=True)
    change = fields.String(required=True, metadata=schemas.like("entered"))
    at = Time(required=True)
    session_id = fields.String(required=True, allow_none=True)


class MemberExplainedAnswer(Shown):
    """Why a person is a member of a cohort, or is not."""

    member_id = fields.String(required=True, metadata=schemas.like("u-1842"))
    is_member = fields.Boolean(required=True)
    session_id = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says("The session or load that last touched the member.", "load-17-3"),
    )
    changes = fields.List(
        fields.Nested(TouchingChangeAnswer),
        required=True,
        metadata=schemas.says("The last 10, the newest first."),
    )
    holds = fields.Boolean(metadata=schemas.says("Of kind `people`: whether the rule holds now."))
    as_of = Time(metadata=schemas.says("Of kind `people`."))
    rule = fields.Nested(ExplainedNodeAnswer, metadata=schemas.says("Of kind `people`."))
