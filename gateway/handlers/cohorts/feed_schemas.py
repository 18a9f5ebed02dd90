"""What answers say of the changes of all cohorts."""

from __future__ import annotations

from marshmallow import fields

from gateway.handlers.cohorts.response_schemas import ChangeAnswer
from gateway.handlers.http import schemas


class FeedChangeAnswer(ChangeAnswer):
    """An entry into one of all cohorts, or an exit out of it."""

    cohort_id = fields.String(required=True, metadata=schemas.says("The `id` of the cohort.", "17"))


class FeedAnswer(schemas.Shown):
    """A part of the changes of all cohorts."""

    changes = fields.List(fields.Nested(FeedChangeAnswer), required=True)
    next_after = fields.String(
        required=True, metadata=schemas.says("What to send as `after` to go on; opaque.")
    )
    epoch = fields.String(
        required=True,
        metadata=schemas.says("The database's: `next_after` is of no use in another.", "6f1c9d2e"),
    )
