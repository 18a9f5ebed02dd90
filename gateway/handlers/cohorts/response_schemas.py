"""What answers say of cohorts; members, which Postgres writes, are only described here."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.core.cohorts import page
from gateway.handlers.cohorts import ids
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time


def _session() -> fields.String:
    described = schemas.says(
        "The session of the sync; null where it named none.", "2026-01-31T09:30:00"
    )
    return fields.String(required=True, allow_none=True, metadata=described)


def _epoch() -> fields.String:
    return fields.String(
        required=True,
        metadata=schemas.says(
            "Changes when the gateway's database was restored from a backup: `seq` of another epoch"
            " are of another history.",
            "6f1c9d2e",
        ),
    )


class RefreshAnswer(schemas.Shown):
    """A full refresh under way."""

    session_id = _session()
    pages_received = fields.Integer(
        required=True, metadata=schemas.says("Distinct page numbers stored so far.")
    )
    total_pages = fields.Integer(required=True, metadata=schemas.says("The largest total seen."))


class LabelAnswer(schemas.Shown):
    """What tells a cohort from others."""

    id = fields.String(required=True, metadata=schemas.says("Ours; use it in paths.", "17"))
    source = fields.String(
        required=True,
        metadata=schemas.says("The slug of the connection that it comes from.", "default"),
    )
    project_id = fields.String(required=True, metadata=schemas.like("2195193"))
    external_id = fields.String(
        required=True, metadata=schemas.says("Its id at the source.", "1478097")
    )
    name = fields.String(required=True, metadata=schemas.like("Trial users"))


def _stale() -> fields.Boolean:
    described = schemas.says("Nothing was heard of its source for longer than expected.")
    return fields.Boolean(required=True, metadata=described)


class GuardAnswer(schemas.Shown):
    """How far a replace may shrink a cohort unasked."""

    shrink_percent = fields.Raw(required=True, metadata={"type": "number"})
    from_members = fields.Integer(required=True)


class LastLoadAnswer(schemas.Shown):
    """The newest load of a cohort."""

    id = fields.String(required=True)
    state = fields.String(required=True)
    finished_at = Time(required=True, allow_none=True)
    error = fields.Dict(keys=fields.String(), values=Json(), required=True, allow_none=True)


class CohortAnswer(LabelAnswer):
    """A cohort."""

    kind = fields.String(
        required=True, metadata=schemas.says("The kind of its source.", "mixpanel")
    )
    description = fields.String(
        required=True, allow_none=True, metadata=schemas.like("On trial, active this week")
    )
    member_count = fields.Integer(
        required=True, metadata=schemas.says("Always the number of listed members.")
    )
    created_at = Time(required=True)
    updated_at = Time(required=True)
    last_synced_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says("When the source was last heard of it."),
    )
    fresh_until = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "When it becomes stale: 90 minutes after the last sync, at the third planned time after"
            " the last load, or 5 minutes after the last look at a live rule. Null is never."
        ),
    )
    stale = _stale()
    refresh = fields.Nested(
        RefreshAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says("The full refresh under way, if one is.", None),
    )
    last_seq = fields.Integer(
        required=True,
        metadata=schemas.says("The seq of its newest change, 0 before the first.", 42),
    )
    epoch = _epoch()
    definition = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        allow_none=True,
        metadata=schemas.says(
            "Where its members come from; null of the kinds `mixpanel` and `list`.", None
        ),
    )
    schedule = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        allow_none=True,
        metadata=schemas.says("When it is loaded; null for never.", None),
    )
    guard = fields.Nested(
        GuardAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says("When a replace needs an approval; null for never.", None),
    )
    next_load_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says("When its schedule loads it next; null without one.", None),
    )
    last_load = fields.Nested(
        LastLoadAnswer,
        required=True,
        allow_none=True,
        metadata=schemas.says("Its newest load; null before the first.", None),
    )
    notify = schemas.notify()
    deleted_at = Time(
        required=True,
        allow_none=True,
        metadata=schemas.says("When it was deleted; only with `deleted=true`.", None),
    )


class CohortsAnswer(schemas.Shown):
    """A part of the list of cohorts."""

    cohorts = fields.List(fields.Nested(CohortAnswer), required=True)
    next_cursor = schemas.next_cursor()


class MemberAnswer(schemas.Shown):
    """A member of a cohort."""

    member_id = fields.String(
        required=True, metadata=schemas.says("The id of the person at the source.", "u-1842")
    )
    distinct_id = fields.String(required=True, allow_none=True, metadata=schemas.like("u-1842"))
    email = fields.String(required=True, allow_none=True, metadata=schemas.like("ada@example.com"))
    first_name = fields.String(required=True, allow_none=True, metadata=schemas.like("Ada"))
    last_name = fields.String(required=True, allow_none=True, metadata=schemas.like("Lovelace"))
    phone = fields.String(required=True, allow_none=True, metadata=schemas.like(None))
    properties = fields.Dict(
        keys=fields.String(),
        values=Json(),
        required=True,
        metadata=schemas.says(
            "Every exported property that is not one of the fields above.", {"plan": "pro"}
        ),
    )
    entered_at = Time(required=True)


class MembersAnswer(schemas.Shown):
    """A part of the list of members."""

    members = fields.List(fields.Nested(MemberAnswer), required=True)
    next_cursor = schemas.next_cursor()


class ChangeAnswer(schemas.Shown):
    """An entry into a cohort, or an exit out of it."""

    seq = fields.Integer(
        required=True, metadata=schemas.says("Rises by one with each change of the cohort.", 42)
    )
    change = fields.String(required=True, validate=validate.OneOf(["entered", "exited"]))
    member_id = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says("Null once the person was erased.", "u-1842"),
    )
    at = Time(required=True)
    session_id = _session()


class ChangesAnswer(schemas.Shown):
    """A part of the list of changes."""

    changes = fields.List(fields.Nested(ChangeAnswer), required=True)
    next_after = fields.Integer(
        required=True, metadata=schemas.says("What to send as `after` to go on.", 42)
    )
    epoch = _epoch()
    deleted = fields.Boolean(
        required=True,
        metadata=schemas.says(
            "The cohort was deleted; its last changes are the exits of its members."
        ),
    )


class SyncAnswer(schemas.Shown):
    """What came of one session and action."""

    session_id = _session()
    action = fields.String(required=True, validate=validate.OneOf([*page.Action]))
    state = fields.String(
        required=True,
        validate=validate.OneOf(["receiving", "applied", "superseded", "blocked"]),
        metadata=schemas.like("applied"),
    )
    pages_received = fields.Integer(required=True, metadata=schemas.says("Distinct page numbers."))
    total_pages = fields.Integer(required=True)
    members_received = fields.Integer(
        required=True, metadata=schemas.says("All entries, skipped ones included.", 2)
    )
    entered = fields.Integer(required=True)
    exited = fields.Integer(required=True, metadata=schemas.like(0))
    skipped = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata=schemas.says("How many entries had no usable id, by reason.", {"missing_id": 1}),
    )
    duplicates = fields.Integer(
        required=True, metadata=schemas.says("Pages that had been stored before.", 0)
    )
    started_at = Time(required=True)
    completed_at = Time(required=True, allow_none=True)


class SyncsAnswer(schemas.Shown):
    """A part of the list of syncs."""

    syncs = fields.List(fields.Nested(SyncAnswer), required=True)
    next_cursor = schemas.next_cursor()


class JoinedAnswer(LabelAnswer):
    """A cohort that a person is in."""

    stale = _stale()
    entered_at = Time(required=True)


class MemberCohortsAnswer(schemas.Shown):
    """The cohorts that a person is in."""

    member_id = fields.String(required=True, metadata=schemas.like("u-1842"))
    cohorts = fields.List(fields.Nested(JoinedAnswer), required=True)
    next_cursor = fields.String(metadata=schemas.says("Only if there are more."))


class CheckAnswer(schemas.Shown):
    """Which of the people asked for are in which of the cohorts asked for."""

    memberships = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata=schemas.says(
            "By cohort id, the ids that are members of it.", {"17": ["u-1842"], "18": []}
        ),
    )
    stale = fields.Dict(
        keys=fields.String(),
        values=fields.Boolean(),
        required=True,
        metadata=schemas.says(
            "By cohort id, whether nothing was heard of its source for longer than expected.",
            {"17": False},
        ),
    )
    unknown_cohorts = fields.List(
        fields.String(),
        required=True,
        metadata=schemas.says(
            "The cohort ids, as they were asked for, of which there is no cohort now.", ["18"]
        ),
    )


class DeliveryAnswer(schemas.Shown):
    """A page that waits or is blocked; `code` and `reason` say why it failed last."""

    id = fields.Function(
        lambda one: ids.of_delivery(one.cohort_id, one.number),
        required=True,
        metadata={"type": "string", **schemas.says("Ours; use it in paths.", "17-4")},
    )
    cohort_id = fields.String(required=True, metadata=schemas.like("17"))
    session_id = _session()
    action = fields.String(required=True, validate=validate.OneOf([*page.Action]))
    page = fields.Integer(
        required=True, metadata=schemas.says("The page number within its session and action.")
    )
    total_pages = fields.Integer(required=True)
    members = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["pending", "blocked"]))
    received_at = Time(required=True)
    attempts = fields.Integer(required=True)
    code = fields.String(required=True, allow_none=True, metadata=schemas.like("unavailable"))
    reason = fields.String(
        required=True, allow_none=True, metadata=schemas.like("the database does not answer")
    )


class DeliveriesAnswer(schemas.Shown):
    """A part of the list of deliveries."""

    deliveries = fields.List(fields.Nested(DeliveryAnswer), required=True)
    next_cursor = schemas.next_cursor()
