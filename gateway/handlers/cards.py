"""Cards: what answers say of sources."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.handlers import schemas
from gateway.handlers.fields import Time


class MixpanelConfigAnswer(schemas.Shown):
    """What a Mixpanel source is set to."""

    identity_property = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "The property that holds the member id; null for Mixpanel's distinct id."
        ),
    )
    project_ids = fields.List(
        fields.String(),
        required=True,
        metadata=schemas.says("The only projects that may post; empty for any."),
    )


class TroubleAnswer(schemas.Shown):
    """What keeps a source from its work."""

    code = fields.String(required=True, metadata=schemas.says("Stable; decide by this."))
    message = fields.String(required=True)
    at = Time(required=True)


class SourceAnswer(schemas.Shown):
    """Where the members of cohorts come from."""

    slug = fields.String(required=True, metadata=schemas.says("Its name in URLs, for ever."))
    kind = fields.String(required=True, validate=validate.OneOf(["mixpanel"]))
    name = fields.String(required=True, metadata=schemas.says("What people call it."))
    paused = fields.Boolean(
        required=True, metadata=schemas.says("Its webhook answers 503 until it is resumed.")
    )
    config = fields.Nested(MixpanelConfigAnswer, required=True)
    secrets = fields.Dict(
        keys=fields.String(),
        required=True,
        dump_default=dict,
        metadata=schemas.says("When each secret was set, never its value; this kind has none."),
    )
    cohort_count = fields.Integer(required=True)
    created_at = Time(required=True)
    last_ok_at = Time(
        required=True, allow_none=True, metadata=schemas.says("When its newest page was accepted.")
    )
    last_error = fields.Nested(
        TroubleAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "The newest refusal of a cohort of which no page was accepted since."
        ),
    )


class SourcesAnswer(schemas.Shown):
    """A part of the list of sources."""

    sources = fields.List(fields.Nested(SourceAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
