"""What answers say of sources, and of what they were refused."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.core.syncs.forwarding import State
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time


class KindAnswer(schemas.Shown):
    """A kind of source, and what one is made with."""

    kind = fields.String(required=True, metadata=schemas.like("mixpanel"))
    title = fields.String(
        required=True, metadata=schemas.says("For people.", "Mixpanel cohort sync (webhook)")
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
    available = fields.Boolean(
        required=True, metadata=schemas.says("Whether such a source can be made here.")
    )
    reason = fields.String(
        required=True, allow_none=True, metadata=schemas.says("Why not, else null.", None)
    )


class KindsAnswer(schemas.Shown):
    """The kinds of sources."""

    kinds = fields.List(fields.Nested(KindAnswer), required=True)


class SecretAnswer(schemas.Shown):
    """That a secret is set."""

    set_at = Time(required=True)


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


class ForwardingAnswer(schemas.Shown):
    """How the sending of recorded actions to Mixpanel fares."""

    state = fields.String(
        required=True,
        validate=validate.OneOf([one.value for one in State]),
        metadata=schemas.says("`failing` is tried again, `stopped` needs a person.", "active"),
    )
    waiting = fields.Integer(required=True, metadata=schemas.says("Actions to be sent.", 0))
    oldest_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says("When the one that waits for longest was recorded.", None),
    )
    sent = fields.Integer(required=True, metadata=schemas.says("Actions that it took.", 1200))
    rejected = fields.Integer(
        required=True, metadata=schemas.says("Actions that it refused, each by itself.", 0)
    )
    last_sent_at = Time(required=True, allow_none=True)
    next_try_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says("While it is failing, when it is tried again.", None),
    )
    last_error = fields.Nested(
        TroubleAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says("Null once Mixpanel has taken something.", None),
    )


class RejectedActionAnswer(schemas.Shown):
    """An action that Mixpanel refused."""

    member_id = fields.String(required=True, metadata=schemas.like("u-1842"))
    cohort_id = fields.String(required=True, allow_none=True, metadata=schemas.like("17"))
    action = fields.String(required=True, metadata=schemas.like("mail.sent"))
    key = fields.String(required=True, metadata=schemas.like("17"))
    at = Time(required=True)
    message = fields.String(
        required=True,
        metadata=schemas.says(
            "The words of Mixpanel.",
            "'properties.time' is invalid: must be specified as seconds since epoch",
        ),
    )
    rejected_at = Time(required=True)


class RejectedActionsAnswer(schemas.Shown):
    """A part of the list of actions that were refused."""

    rejected = fields.List(fields.Nested(RejectedActionAnswer), required=True)
    next_cursor = schemas.next_cursor()


class SourceAnswer(schemas.Shown):
    """Where the members of cohorts come from."""

    slug = fields.String(
        required=True, metadata=schemas.says("Its name in URLs, for ever.", "default")
    )
    kind = fields.String(
        required=True, metadata=schemas.says("One of `/v1/source-kinds`.", "mixpanel")
    )
    name = fields.String(required=True, metadata=schemas.says("What people call it.", "Mixpanel"))
    paused = fields.Boolean(
        required=True,
        metadata=schemas.says("Its webhook answers 503 until it is resumed."),
    )
    config = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=schemas.says(
            "What it is set to, by the JSON Schema of its kind.",
            {"identity_property": None, "project_ids": ["2195193"]},
        ),
    )
    secrets = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(SecretAnswer, allow_none=True),
        required=True,
        metadata=schemas.says("When each secret was set, null if not; never its value.", {}),
    )
    notify = schemas.notify()
    cohort_count = fields.Integer(required=True)
    forwarding = fields.Nested(
        ForwardingAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says("Of recorded actions; null without `config.import`.", None),
    )
    created_at = Time(required=True)
    last_ok_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "When its newest page was accepted; of a database, when a load was applied last."
        ),
    )
    last_error = fields.Nested(
        TroubleAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "A secret that no key can decrypt, or else the newest refusal of a cohort of which no"
            " page was accepted since; of a database, the newest load that failed of a cohort of"
            " which none was applied since.",
            None,
        ),
    )


class CredentialsAnswer(schemas.Shown):
    """What a sender is set up with; the password is shown this once."""

    url = fields.String(
        required=True, metadata=schemas.like("https://gateway.example.com/webhooks/mixpanel/shop")
    )
    username = fields.String(required=True, metadata=schemas.like("mixpanel"))
    password = fields.String(required=True)


class NewSourceAnswer(SourceAnswer):
    """A source that was just made."""

    credentials = fields.Nested(
        CredentialsAnswer, metadata=schemas.says("Only of kind `mixpanel`, and only here.")
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
