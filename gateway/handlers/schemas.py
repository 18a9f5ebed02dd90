"""What answers look like; members, which Postgres writes, are only described here."""

from __future__ import annotations

import functools
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

import gateway
from gateway.core import page
from gateway.handlers import ids
from gateway.handlers.fields import Json, Time


@functools.cache
def of(schema: type[Schema]) -> Schema:
    """Return the one instance of a schema; making one costs more than using it."""
    return schema()


def says(description: str, *examples: object) -> dict[str, Any]:
    """Describe a field; examples of it show what a type cannot."""
    return {"description": description, **(like(*examples) if examples else {})}


def like(*examples: object) -> dict[str, Any]:
    """Describe a field whose name says it all by examples."""
    return {"examples": list(examples)}


def next_cursor() -> fields.String:
    """Declare where the next part of a list begins."""
    description = "What to send as `cursor` for the next part; null at the end."
    return fields.String(required=True, allow_none=True, metadata=says(description, None))


def _session() -> fields.String:
    described = says("The session of the sync; null where it named none.", "2026-01-31T09:30:00")
    return fields.String(required=True, allow_none=True, metadata=described)


def _epoch() -> fields.String:
    return fields.String(
        required=True,
        metadata=says(
            "Changes when the gateway's database was restored from a backup: `seq` of another epoch"
            " are of another history.",
            "6f1c9d2e",
        ),
    )


class Shown(Schema):
    """What an answer holds at least; later versions may add to it."""

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE


class RefreshAnswer(Shown):
    """A full refresh under way."""

    session_id = _session()
    pages_received = fields.Integer(
        required=True, metadata=says("Distinct page numbers stored so far.")
    )
    total_pages = fields.Integer(required=True, metadata=says("The largest total seen."))


class LabelAnswer(Shown):
    """What tells a cohort from others."""

    id = fields.String(required=True, metadata=says("Ours; use it in paths.", "17"))
    source = fields.String(
        required=True, metadata=says("The slug of the connection that it comes from.", "default")
    )
    project_id = fields.String(required=True, metadata=like("2195193"))
    external_id = fields.String(required=True, metadata=says("Its id at the source.", "1478097"))
    name = fields.String(required=True, metadata=like("Trial users"))


class CohortAnswer(LabelAnswer):
    """A cohort."""

    description = fields.String(
        required=True, allow_none=True, metadata=like("On trial, active this week")
    )
    member_count = fields.Integer(
        required=True, metadata=says("Always the number of listed members.")
    )
    created_at = Time(required=True)
    updated_at = Time(required=True)
    last_synced_at = Time(
        required=True, allow_none=True, metadata=says("When the source was last heard of it.")
    )
    stale = fields.Boolean(
        required=True, metadata=says("Nothing was heard for three intervals of 30 minutes.")
    )
    refresh = fields.Nested(
        RefreshAnswer,
        required=True,
        allow_none=True,
        metadata=says("The full refresh under way, if one is.", None),
    )
    last_seq = fields.Integer(
        required=True, metadata=says("The seq of its newest change, 0 before the first.", 42)
    )
    epoch = _epoch()


class CohortsAnswer(Shown):
    """A part of the list of cohorts."""

    cohorts = fields.List(fields.Nested(CohortAnswer), required=True)
    next_cursor = next_cursor()


class MemberAnswer(Shown):
    """A member of a cohort."""

    member_id = fields.String(
        required=True, metadata=says("The id of the person at the source.", "u-1842")
    )
    distinct_id = fields.String(required=True, allow_none=True, metadata=like("u-1842"))
    email = fields.String(required=True, allow_none=True, metadata=like("ada@example.com"))
    first_name = fields.String(required=True, allow_none=True, metadata=like("Ada"))
    last_name = fields.String(required=True, allow_none=True, metadata=like("Lovelace"))
    phone = fields.String(required=True, allow_none=True, metadata=like(None))
    properties = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=says(
            "Every exported property that is not one of the fields above.", {"plan": "pro"}
        ),
    )
    entered_at = Time(required=True)


class MembersAnswer(Shown):
    """A part of the list of members."""

    members = fields.List(fields.Nested(MemberAnswer), required=True)
    next_cursor = next_cursor()


class ChangeAnswer(Shown):
    """Somebody's step into a cohort or out of it."""

    seq = fields.Integer(
        required=True, metadata=says("Rises by one with each change of the cohort.", 42)
    )
    change = fields.String(required=True, validate=validate.OneOf(["entered", "exited"]))
    member_id = fields.String(
        required=True, allow_none=True, metadata=says("Null once the person was erased.", "u-1842")
    )
    at = Time(required=True)
    session_id = _session()


class ChangesAnswer(Shown):
    """A part of the list of changes."""

    changes = fields.List(fields.Nested(ChangeAnswer), required=True)
    next_after = fields.Integer(
        required=True, metadata=says("What to send as `after` to go on.", 42)
    )
    epoch = _epoch()
    deleted = fields.Boolean(
        required=True,
        metadata=says("The cohort was deleted; its last changes are the exits of its members."),
    )


class SyncAnswer(Shown):
    """What came of one session and action."""

    session_id = _session()
    action = fields.String(required=True, validate=validate.OneOf([*page.Action]))
    state = fields.String(
        required=True,
        validate=validate.OneOf(["receiving", "applied", "superseded", "blocked"]),
        metadata=like("applied"),
    )
    pages_received = fields.Integer(required=True, metadata=says("Distinct page numbers."))
    total_pages = fields.Integer(required=True)
    members_received = fields.Integer(
        required=True, metadata=says("All entries, skipped ones included.", 2)
    )
    entered = fields.Integer(required=True)
    exited = fields.Integer(required=True, metadata=like(0))
    skipped = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata=says("How many entries had no usable id, by reason.", {"missing_id": 1}),
    )
    duplicates = fields.Integer(
        required=True, metadata=says("Pages that had been stored before.", 0)
    )
    started_at = Time(required=True)
    completed_at = Time(required=True, allow_none=True)


class SyncsAnswer(Shown):
    """A part of the list of syncs."""

    syncs = fields.List(fields.Nested(SyncAnswer), required=True)
    next_cursor = next_cursor()


class JoinedAnswer(LabelAnswer):
    """A cohort that somebody is in."""

    entered_at = Time(required=True)


class MemberCohortsAnswer(Shown):
    """The cohorts that somebody is in."""

    member_id = fields.String(required=True, metadata=like("u-1842"))
    cohorts = fields.List(fields.Nested(JoinedAnswer), required=True)
    next_cursor = fields.String(metadata=says("Only if there are more."))


class CheckAnswer(Shown):
    """Who of the people asked for is in which of the cohorts asked for."""

    memberships = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata=says(
            "By cohort id, the ids that are members of it.", {"17": ["u-1842"], "18": []}
        ),
    )
    unknown_cohorts = fields.List(
        fields.String(),
        required=True,
        metadata=says(
            "The cohort ids, as they were asked for, of which there is no cohort now.", ["18"]
        ),
    )


class DeliveryAnswer(Shown):
    """A page that waits or is blocked; `code` and `reason` say why it failed last."""

    id = fields.Function(
        lambda one: ids.of_delivery(one.cohort_id, one.number),
        required=True,
        metadata={"type": "string", **says("Ours; use it in paths.", "17-4")},
    )
    cohort_id = fields.String(required=True, metadata=like("17"))
    session_id = _session()
    action = fields.String(required=True, validate=validate.OneOf([*page.Action]))
    page = fields.Integer(
        required=True, metadata=says("The page number within its session and action.")
    )
    total_pages = fields.Integer(required=True)
    members = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["pending", "blocked"]))
    received_at = Time(required=True)
    attempts = fields.Integer(required=True)
    code = fields.String(required=True, allow_none=True, metadata=like("unavailable"))
    reason = fields.String(
        required=True, allow_none=True, metadata=like("the database does not answer")
    )


class DeliveriesAnswer(Shown):
    """A part of the list of deliveries."""

    deliveries = fields.List(fields.Nested(DeliveryAnswer), required=True)
    next_cursor = next_cursor()


class StatusAnswer(Shown):
    """How the gateway is doing."""

    status = fields.String(required=True, validate=validate.OneOf(["ok", "degraded"]))
    version = fields.String(required=True, metadata=like(gateway.__version__))
    pending_deliveries = fields.Integer(
        required=True, metadata=says("Pages accepted and not yet applied.")
    )
    oldest_pending_seconds = fields.Float(
        required=True, allow_none=True, metadata=says("How long the oldest of them has waited.")
    )
    blocked_deliveries = fields.Integer(
        required=True, metadata=says("Pages that could not be applied and wait for an operator.", 0)
    )
    workers_alive = fields.Integer(required=True)
    workers_working = fields.Integer(
        required=True, metadata=says("How many of them can be given work, and do it.")
    )
    workers_trouble = fields.String(
        required=True, allow_none=True, metadata=says("What keeps one of them from its work.", None)
    )
    scheduler_alive = fields.Boolean(required=True, metadata={"examples": [True]})
    scheduler_trouble = fields.String(
        required=True, allow_none=True, metadata=says("What keeps it from its work.", None)
    )
    redis = fields.String(required=True, validate=validate.OneOf(["up", "down"]))


class FaultAnswer(Shown):
    """One thing that is wrong with a body."""

    path = fields.String(required=True, metadata=says("The field, its parts joined by dots."))
    message = fields.String(required=True)


class ProblemAnswer(Shown):
    """A problem document (RFC 9457); `code` is stable, `detail` is for people."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata=says("Stable; decide by this or the status."))
    oldest_seq = fields.Integer(metadata=says("Only of a 410: the oldest change kept."))
    last_seq = fields.Integer(metadata=says("Only of a 409 `ahead`: the newest change."))
    epoch = fields.String(metadata=says("Only of a 409 `ahead`: the epoch that this is true of."))
    errors = fields.List(
        fields.Nested(FaultAnswer), metadata=says("Only of a 422: all that is wrong.")
    )
