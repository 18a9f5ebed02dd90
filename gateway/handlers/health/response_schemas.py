"""What answers say of the gateway itself."""

from __future__ import annotations

from marshmallow import fields, validate

import gateway
from gateway.core.access.actor import Via
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time


class ProcessesAnswer(schemas.Shown):
    """How the processes of one kind do."""

    alive = fields.Integer(required=True)
    working = fields.Integer(required=True)
    trouble = fields.String(required=True, allow_none=True, metadata=schemas.like(None))


class StatusAnswer(schemas.Shown):
    """How the gateway is doing."""

    status = fields.String(required=True, validate=validate.OneOf(["ok", "degraded"]))
    version = fields.String(required=True, metadata=schemas.like(gateway.__version__))
    pending_deliveries = fields.Integer(
        required=True, metadata=schemas.says("Pages accepted and not yet applied.")
    )
    oldest_pending_seconds = fields.Float(
        required=True,
        allow_none=True,
        metadata=schemas.says("How long the oldest of them has waited."),
    )
    blocked_deliveries = fields.Integer(
        required=True,
        metadata=schemas.says("Pages that could not be applied and wait for an operator.", 0),
    )
    workers_alive = fields.Integer(required=True)
    workers_working = fields.Integer(
        required=True, metadata=schemas.says("How many of them can be given work, and do it.")
    )
    workers_trouble = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says("What keeps one of them from its work.", None),
    )
    scheduler_alive = fields.Boolean(required=True, metadata={"examples": [True]})
    scheduler_trouble = fields.String(
        required=True, allow_none=True, metadata=schemas.says("What keeps it from its work.", None)
    )
    processes = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ProcessesAnswer),
        required=True,
        metadata=schemas.says(
            "The same by kind: `worker` and `scheduler`, and `loader` and `sender` where they run.",
            {"worker": {"alive": 2, "working": 2, "trouble": None}},
        ),
    )
    redis = fields.String(required=True, validate=validate.OneOf(["up", "down"]))


class EntryAnswer(schemas.Shown):
    """Something that was done."""

    id = fields.String(required=True, metadata=schemas.like("4711"))
    at = Time(required=True)
    by = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "The name of the API key; null for a command and for the gateway itself.", "crm"
        ),
    )
    via = fields.String(required=True, validate=validate.OneOf(list(Via)))
    action = fields.String(
        required=True, metadata=schemas.says("What was done, as `noun.verbed`.", "source.paused")
    )
    thing = fields.String(
        required=True, metadata=schemas.says("With which of these: its slug, name or id.", "shop")
    )
    details = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=schemas.says("What else there is to tell, by action.", {}),
    )


class ActivityAnswer(schemas.Shown):
    """A part of the audit log."""

    activity = fields.List(fields.Nested(EntryAnswer), required=True)
    next_cursor = schemas.next_cursor()
