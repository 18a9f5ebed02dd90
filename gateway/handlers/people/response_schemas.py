"""What the calls of people and events answer."""

from __future__ import annotations

from marshmallow import fields

from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time
from gateway.handlers.http.schemas import Shown


class RejectedAnswer(Shown):
    """An item that was rejected."""

    index = fields.Integer(required=True, metadata=schemas.says("Its place, from 0.", 0))
    code = fields.String(required=True, metadata=schemas.like("placeholder_id"))
    message = fields.String(required=True)


class _Rejections(Shown):
    rejected = fields.List(
        fields.Nested(RejectedAnswer),
        required=True,
        metadata=schemas.says("The first 1,000 of them."),
    )
    rejected_count = fields.Integer(required=True)


class PeopleTakenAnswer(_Rejections):
    """What became of people that were posted."""

    accepted = fields.Integer(required=True)
    created = fields.Integer(required=True, metadata=schemas.says("Those that were new."))


class EventsTakenAnswer(_Rejections):
    """What became of events that were posted."""

    accepted = fields.Integer(required=True)
    duplicate = fields.Integer(
        required=True, metadata=schemas.says("Those with an `event_id` that came before.")
    )


class SegmentAnswer(Shown):
    """The answer that Segment's libraries expect."""

    success = fields.Boolean(required=True)


class SegmentBatchAnswer(_Rejections):
    """What became of a batch."""

    success = fields.Boolean(required=True)
    ignored = fields.Integer(
        required=True, metadata=schemas.says("Calls of types that are not kept.")
    )


class PersonAnswer(Shown):
    """A person."""

    source = fields.String(required=True, metadata=schemas.like("people"))
    person_id = fields.String(required=True, metadata=schemas.like("u-1842"))
    traits = fields.Dict(keys=fields.String(), values=Json(allow_none=True), required=True)
    first_seen_at = Time(required=True)
    last_seen_at = Time(required=True)


class EventAnswer(Shown):
    """An event."""

    event = fields.String(required=True, metadata=schemas.like("purchase"))
    time = Time(required=True)
    event_id = fields.String(required=True, allow_none=True)
    properties = fields.Dict(keys=fields.String(), values=Json(allow_none=True), required=True)
    received_at = Time(required=True)


class EventsAnswer(Shown):
    """A part of the events of a person, the newest first."""

    events = fields.List(fields.Nested(EventAnswer), required=True)
    next_cursor = schemas.next_cursor()


class ReasonAnswer(Shown):
    """Why an event was rejected."""

    code = fields.String(required=True)
    message = fields.String(required=True)


class RecentEventAnswer(Shown):
    """An event that arrived lately; of a rejected one, what could be read of it."""

    person_id = fields.String(required=True)
    event = fields.String(required=True, allow_none=True)
    time = Time(required=True, allow_none=True)
    event_id = fields.String(required=True, allow_none=True)
    properties = fields.Dict(
        keys=fields.String(), values=Json(allow_none=True), required=True, allow_none=True
    )
    received_at = Time(required=True)
    rejected = fields.Nested(ReasonAnswer, required=True, allow_none=True)


class RecentAnswer(Shown):
    """A part of what arrived last, the newest first."""

    events = fields.List(fields.Nested(RecentEventAnswer), required=True)
    next_cursor = schemas.next_cursor()


class DayAnswer(Shown):
    """How many events there were of a day (UTC)."""

    day = fields.Date(required=True)
    count = fields.Integer(required=True)


class EventNameAnswer(Shown):
    """The name of events."""

    name = fields.String(required=True, metadata=schemas.like("purchase"))
    predefined = fields.Boolean(required=True)
    count = fields.Integer(required=True, metadata=schemas.says("All that are kept."))
    days = fields.List(
        fields.Nested(DayAnswer), required=True, metadata=schemas.says("The last 30 days.")
    )


class EventNamesAnswer(Shown):
    """The names of events that were seen, and those that are known before."""

    event_names = fields.List(fields.Nested(EventNameAnswer), required=True)


class PropertyAnswer(Shown):
    """A property or a trait."""

    name = fields.String(required=True, metadata=schemas.like("brand"))
    types = fields.List(fields.String(), required=True, metadata=schemas.like(["string"]))
    values = fields.List(
        Json(allow_none=True),
        required=True,
        metadata=schemas.says("Frequent values, each of at least 5 people.", ["acme"]),
    )


class PropertiesAnswer(Shown):
    """The properties of a name's events."""

    name = fields.String(required=True)
    properties = fields.List(fields.Nested(PropertyAnswer), required=True)


class TraitsAnswer(Shown):
    """The traits of people."""

    traits = fields.List(fields.Nested(PropertyAnswer), required=True)


class EventIndexAnswer(Shown):
    """The index of a property of a name's events."""

    source = fields.String(required=True, metadata=schemas.like("people"))
    event = fields.String(required=True, metadata=schemas.like("purchase"))
    property = fields.List(
        fields.String(),
        required=True,
        metadata=schemas.says("Its path, a key each.", ["brand"]),
    )
    state = fields.String(
        required=True,
        metadata={
            "enum": ["building", "ready", "failed"],
            **schemas.says("`failed` stays so until it is asked for again.", "ready"),
        },
    )
    error = fields.String(
        required=True, allow_none=True, metadata=schemas.says("Why the last try failed.")
    )
    requested_at = Time(required=True)
    ready_at = Time(required=True, allow_none=True)


class EventIndexesAnswer(Shown):
    """The indexes of a source."""

    event_indexes = fields.List(fields.Nested(EventIndexAnswer), required=True)
