"""What answers say of sources, and of what they were refused."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Time


class MixpanelConfigAnswer(schemas.Shown):
    """What a Mixpanel source is set to."""

    identity_property = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "The property that holds the member id; null for Mixpanel's distinct id.", None
        ),
    )
    project_ids = fields.List(
        fields.String(),
        required=True,
        metadata=schemas.says("The only projects that may post; empty for any.", ["2195193"]),
    )


class TroubleAnswer(schemas.Shown):
    """What keeps a source from its work."""

    code = fields.String(
        required=True, metadata=schemas.says("Stable; decide by this.", "unauthenticated")
    )
    message = fields.String(
        required=True,
        metadata=schemas.like(
            "wrong or missing user name or password; check the connection's settings"
        ),
    )
    at = Time(required=True)


class SourceAnswer(schemas.Shown):
    """Where the members of cohorts come from."""

    slug = fields.String(
        required=True, metadata=schemas.says("Its name in URLs, for ever.", "default")
    )
    kind = fields.String(required=True, validate=validate.OneOf(["mixpanel"]))
    name = fields.String(required=True, metadata=schemas.says("What people call it.", "Mixpanel"))
    paused = fields.Boolean(
        required=True,
        metadata=schemas.says("Its webhook answers 503 until it is resumed."),
    )
    config = fields.Nested(MixpanelConfigAnswer, required=True)
    secrets = fields.Dict(
        keys=fields.String(),
        values=Time(),
        required=True,
        dump_default=dict,
        metadata=schemas.says("When each secret was set, never its value; this kind has none.", {}),
    )
    cohort_count = fields.Integer(required=True)
    created_at = Time(required=True)
    last_ok_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says("When its newest page was accepted."),
    )
    last_error = fields.Nested(
        TroubleAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "The newest refusal of a cohort of which no page was accepted since.", None
        ),
    )


class SourcesAnswer(schemas.Shown):
    """A part of the list of sources."""

    sources = fields.List(fields.Nested(SourceAnswer), required=True)
    next_cursor = schemas.next_cursor()


class RefusalAnswer(schemas.Shown):
    """Pages of one cohort that were refused for one reason."""

    source = fields.String(
        required=True, metadata=schemas.says("The slug of the source.", "default")
    )
    project_id = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says("Null where it is not known.", "2195193"),
    )
    external_id = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "The cohort's id at its source; null where it is not known.", "1478097"
        ),
    )
    status = fields.Integer(required=True, validate=validate.OneOf([400, 401, 403, 404]))
    message = fields.String(
        required=True,
        metadata=schemas.says(
            "What Mixpanel was told.",
            "parameters.page_info.page_count: send a page from 1 to total_pages",
        ),
    )
    first_at = Time(required=True)
    last_at = Time(required=True)
    count = fields.Integer(required=True, metadata=schemas.says("How many pages, about."))
    resolved_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "When a page of that cohort was accepted after the last of them.", None
        ),
    )


class RefusalsAnswer(schemas.Shown):
    """A part of the list of refusals."""

    refusals = fields.List(fields.Nested(RefusalAnswer), required=True)
    next_cursor = schemas.next_cursor()
