"""What answers say of destinations."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.core.syncs.job import Mode
from gateway.destinations.facts import Status
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time


class IdentifierAnswer(schemas.Shown):
    """What a destination may be told of a member."""

    name = fields.String(required=True, metadata=schemas.says("As a mapping says it.", "email"))
    title = fields.String(required=True, metadata=schemas.like("E-mail"))
    description = fields.String(required=True)


class LimitsAnswer(schemas.Shown):
    """What a destination takes."""

    members = fields.Integer(required=True, metadata=schemas.says("Of one request, at most."))
    requests = fields.Integer(
        required=True, allow_none=True, metadata=schemas.says("In `per_seconds`; null is any.")
    )
    per_seconds = fields.Float(required=True)
    concurrency = fields.Integer(
        required=True, allow_none=True, metadata=schemas.says("Requests at once; null is any.")
    )


class DestinationKindAnswer(schemas.Shown):
    """A kind of destination, and what one is made with."""

    kind = fields.String(required=True, metadata=schemas.like("webhook"))
    title = fields.String(
        required=True, metadata=schemas.says("For people.", "Webhook (Standard Webhooks)")
    )
    config = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=schemas.says("The JSON Schema (2020-12) of its settings."),
    )
    secrets = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=schemas.says("The JSON Schema (2020-12) of its secrets."),
    )
    options = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=schemas.says("The JSON Schema (2020-12) of the options of a sync job."),
    )
    identifiers = fields.List(fields.Nested(IdentifierAnswer), required=True)
    matching = fields.List(
        fields.List(fields.String()),
        required=True,
        metadata=schemas.says("Sets of identifiers that each suffice to find a person."),
    )
    modes = fields.List(
        fields.String(validate=validate.OneOf([*Mode])),
        required=True,
    )
    limits = fields.Nested(LimitsAnswer, required=True)
    effects = fields.List(
        fields.String(),
        required=True,
        metadata=schemas.says("What sending there does beside.", ["creates users"]),
    )
    status = fields.String(
        required=True,
        validate=validate.OneOf([*Status]),
        metadata=schemas.says("How far its protocol is known.", "documented"),
    )
    available = fields.Boolean(
        required=True, metadata=schemas.says("Whether such a destination can be made here.")
    )
    reason = fields.String(
        required=True, allow_none=True, metadata=schemas.says("Why not, else null.", None)
    )


class DestinationKindsAnswer(schemas.Shown):
    """The kinds of destinations."""

    kinds = fields.List(fields.Nested(DestinationKindAnswer), required=True)


class DestinationSecretAnswer(schemas.Shown):
    """That a secret is set."""

    set_at = Time(required=True)


class DestinationTroubleAnswer(schemas.Shown):
    """What keeps a destination from its work."""

    code = fields.String(
        required=True, metadata=schemas.says("Stable; decide by this.", "credentials")
    )
    message = fields.String(required=True, metadata=schemas.like("the receiver answers 401"))
    at = Time(required=True)


class DestinationAnswer(schemas.Shown):
    """Where members of cohorts are sent."""

    slug = fields.String(required=True, metadata=schemas.says("Its name in URLs, for ever.", "crm"))
    kind = fields.String(
        required=True, metadata=schemas.says("One of `/v1/destination-kinds`.", "webhook")
    )
    name = fields.String(required=True, metadata=schemas.says("What people call it.", "CRM"))
    paused = fields.Boolean(
        required=True, metadata=schemas.says("Nothing is sent there until it is resumed.")
    )
    config = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=schemas.says(
            "What it is set to, by the JSON Schema of its kind.",
            {"url": "https://crm.example.com/hooks/cohorts"},
        ),
    )
    secrets = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(DestinationSecretAnswer, allow_none=True),
        required=True,
        metadata=schemas.says("When each secret was set, null if not; never its value.", {}),
    )
    created_at = Time(required=True)
    last_ok_at = Time(
        required=True, allow_none=True, metadata=schemas.says("When a run last ended well.")
    )
    last_error = fields.Nested(
        DestinationTroubleAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "A secret that no key can decrypt, or else the newest error of a job that is not well.",
            None,
        ),
    )


class DestinationsAnswer(schemas.Shown):
    """A part of the list of destinations."""

    destinations = fields.List(fields.Nested(DestinationAnswer), required=True)
    next_cursor = schemas.next_cursor()


class DestinationStepAnswer(schemas.Shown):
    """A step of a trial."""

    step = fields.String(required=True, metadata=schemas.like("sign_in"))
    ok = fields.Boolean(required=True)
    message = fields.String(required=True, metadata=schemas.says("What to do if it failed.", ""))
    milliseconds = fields.Integer(required=True)


class TrialAnswer(schemas.Shown):
    """A trial of a destination, up to the first step that failed."""

    ok = fields.Boolean(required=True)
    steps = fields.List(fields.Nested(DestinationStepAnswer), required=True)
