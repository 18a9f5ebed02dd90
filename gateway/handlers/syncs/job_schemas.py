"""What answers say of sync jobs and their runs."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.core.syncs.job import RunState, State
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time
from gateway.handlers.syncs.response_schemas import DestinationTroubleAnswer


def _counts(description: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata=schemas.says(description, {}),
    )


class RunErrorAnswer(schemas.Shown):
    """Why a run did not end well."""

    code = fields.String(required=True, metadata=schemas.like("credentials"))
    message = fields.String(required=True, metadata=schemas.says("The vendor's, if there is one."))


class RunAnswer(schemas.Shown):
    """A run of a sync job."""

    number = fields.Integer(required=True, metadata=schemas.says("From 1, within the job.", 1))
    trigger = fields.String(required=True, metadata=schemas.like("schedule"))
    state = fields.String(required=True, validate=validate.OneOf([*RunState]))
    would_add = fields.Integer(required=True, allow_none=True)
    would_remove = fields.Integer(required=True, allow_none=True)
    added = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    skipped = _counts("Members by reason.")
    rejected = _counts("Rows by the vendor's reason.")
    unconfirmed = fields.Integer(
        required=True, metadata=schemas.says("Rows of which the vendor's answer proves nothing.")
    )
    requests = fields.Integer(required=True)
    retries = fields.Integer(required=True)
    receipts = fields.List(
        Json(), required=True, metadata=schemas.says("What the vendor said of the newest requests.")
    )
    error = fields.Nested(RunErrorAnswer, required=True, allow_none=True)
    queued_at = Time(required=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)


class AudienceAnswer(schemas.Shown):
    """What members are put into at the destination."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)


class JobAnswer(schemas.Shown):
    """A cohort that is kept at a destination."""

    id = fields.String(required=True, metadata=schemas.like("3"))
    cohort_id = fields.String(required=True, metadata=schemas.like("17"))
    destination = fields.String(required=True, metadata=schemas.says("Its slug.", "crm"))
    frequency = fields.String(required=True, metadata=schemas.like("1h"))
    mode = fields.String(required=True, metadata=schemas.like("mirror"))
    mapping = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    suppress = fields.List(fields.String(), required=True)
    consent = fields.Dict(
        keys=fields.String(), values=Json(allow_none=True), required=True, allow_none=True
    )
    options = fields.Dict(keys=fields.String(), values=Json(allow_none=True), required=True)
    state = fields.String(required=True, validate=validate.OneOf([*State]))
    notify = schemas.notify()
    audience = fields.Nested(AudienceAnswer, required=True, allow_none=True)
    created_at = Time(required=True)
    next_run_at = Time(required=True, allow_none=True)
    last_ok_at = Time(required=True, allow_none=True)
    error = fields.Nested(DestinationTroubleAnswer, required=True, allow_none=True)
    last_run = fields.Nested(RunAnswer, required=True, allow_none=True)


class JobsAnswer(schemas.Shown):
    """A part of the list of jobs."""

    sync_jobs = fields.List(fields.Nested(JobAnswer), required=True)
    next_cursor = schemas.next_cursor()


class RunsAnswer(schemas.Shown):
    """A part of the list of runs."""

    runs = fields.List(fields.Nested(RunAnswer), required=True)
    next_cursor = schemas.next_cursor()


class ShareAnswer(schemas.Shown):
    """How many members have an identifier."""

    share = fields.Float(required=True, metadata=schemas.says("From 0 to 1.", 0.82))


class RowAnswer(schemas.Shown):
    """A member before and after normalising and hashing."""

    member_id = fields.String(required=True)
    before = fields.Dict(keys=fields.String(), values=Json(allow_none=True), required=True)
    after = fields.Dict(
        keys=fields.String(), values=Json(allow_none=True), required=True, allow_none=True
    )
    skipped = fields.String(required=True, allow_none=True)


class JobPreviewAnswer(schemas.Shown):
    """What a run would send."""

    add = fields.Integer(required=True)
    remove = fields.Integer(required=True)
    identifiers = fields.Dict(
        keys=fields.String(), values=fields.Nested(ShareAnswer), required=True
    )
    matchable = fields.Float(
        required=True, metadata=schemas.says("Share of members that can be found there.", 0.83)
    )
    rows = fields.List(fields.Nested(RowAnswer), required=True)
