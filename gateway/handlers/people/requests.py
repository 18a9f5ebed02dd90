"""What the calls of people and events take."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import Schema, fields

from gateway.core.people import items
from gateway.handlers.http import queries, schemas
from gateway.handlers.http.fields import Json, Moment, Truth
from gateway.handlers.http.queries import Asked

if TYPE_CHECKING:
    import datetime

MAX_BYTES: Final = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfSource:
    """The source that is meant; None is the key's own, or `people`."""

    source: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EventsAsked(OfSource):
    """Which events of a person are asked for."""

    limit: int
    cursor: str | None = None
    event: str | None = None
    after: datetime.datetime | None = None
    before: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecentAsked(OfSource):
    """Which of the recent events are asked for."""

    limit: int
    cursor: str | None = None
    event: str | None = None
    person_id: str | None = None
    rejected: bool | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doomed(OfSource):
    """Which events are to be deleted."""

    event: str | None = None
    before: datetime.datetime | None = None


def _source() -> Any:  # noqa: ANN401 - marshmallow's
    return queries.exact(
        "The source of kind `people` that is meant; by default `people`.", "people"
    )


class OfSourceQuery(Asked):
    """Query parameters of whatever is of one source of people."""

    value: ClassVar[type[object]] = OfSource
    source = _source()


class EventsQuery(Asked):
    """Query parameters of the events of a person."""

    value: ClassVar[type[object]] = EventsAsked
    source = _source()
    event = queries.exact("Only events of this name.", "purchase")
    after = Moment(metadata=schemas.says("Only events at or after this time."))
    before = Moment(metadata=schemas.says("Only events before this time."))
    limit = queries.limit()
    cursor = queries.cursor()


class RecentQuery(Asked):
    """Query parameters of the events that arrived last."""

    value: ClassVar[type[object]] = RecentAsked
    source = _source()
    event = queries.exact("Only events of this name.", "purchase")
    person_id = queries.exact("Only events of this person.", "u-1842")
    rejected = Truth(metadata=schemas.says("Only rejected events, or only accepted ones."))
    limit = queries.limit()
    cursor = queries.cursor()


class DoomedQuery(Asked):
    """Query parameters of the deletion of events; one of `event` and `before` is needed."""

    value: ClassVar[type[object]] = Doomed
    source = _source()
    event = queries.exact("The name of the events to delete.", "imported")
    before = Moment(metadata=schemas.says("Delete events before this time."))


_ID: Final = schemas.says("The id of the person, by the rules of a member id.", "u-1842")
_SOURCE: Final = schemas.says("The source; by default the key's own, or `people`.", "people")


class PersonBody(Schema):
    """A person to be written."""

    person_id = fields.String(required=True, metadata=_ID)
    traits = fields.Dict(
        keys=fields.String(),
        values=Json(allow_none=True),
        metadata=schemas.says(
            "Merged with those that are kept; null removes one.", {"plan": "pro"}
        ),
    )


class PeopleBody(Schema):
    """People to be written."""

    source = fields.String(metadata=_SOURCE)
    people = fields.List(
        fields.Nested(PersonBody), required=True, metadata={"maxItems": items.MAX_PEOPLE}
    )


class EventBody(Schema):
    """An event."""

    person_id = fields.String(required=True, metadata=_ID)
    event = fields.String(
        required=True,
        metadata={"minLength": 1, "maxLength": 200, **schemas.says("Its name.", "purchase")},
    )
    time = fields.String(
        metadata={
            "type": ["string", "number"],
            **schemas.says(
                "RFC 3339 with an offset, epoch seconds or milliseconds; by default the receipt.",
                "2026-11-29T11:00:00Z",
            ),
        }
    )
    event_id = fields.String(
        metadata=schemas.says("Unique in the source; the first of an id wins.", "o-77")
    )
    properties = fields.Dict(
        keys=fields.String(),
        values=Json(allow_none=True),
        metadata=schemas.says("What is known of it.", {"brand": "acme", "price": 1500}),
    )


class EventsBody(Schema):
    """Events to be stored."""

    source = fields.String(metadata=_SOURCE)
    events = fields.List(
        fields.Nested(EventBody), required=True, metadata={"maxItems": items.MAX_EVENTS}
    )


class SegmentCallBody(Schema):
    """A call of Segment's tracking API."""

    userId = fields.String(metadata=schemas.like("u-1842"))  # noqa: N815 - Segment's
    event = fields.String(metadata=schemas.like("purchase"))
    properties = fields.Dict(keys=fields.String(), values=Json(allow_none=True))
    traits = fields.Dict(keys=fields.String(), values=Json(allow_none=True))
    timestamp = fields.String(metadata=schemas.says("RFC 3339.", "2026-01-31T09:30:00Z"))
    messageId = fields.String(metadata=schemas.like("m-77"))  # noqa: N815 - Segment's


class SegmentBatchBody(Schema):
    """Calls of Segment's tracking API, each with its type."""

    batch = fields.List(
        fields.Dict(keys=fields.String(), values=Json(allow_none=True)), required=True
    )


class SignalsBody(Schema):
    """Kursaha's signals."""

    requestIdentifier = fields.String()  # noqa: N815 - Kursaha's
    signals = fields.List(
        fields.Dict(keys=fields.String(), values=Json(allow_none=True)), required=True
    )


class CustomerBody(Schema):
    """Kursaha's data of a customer."""

    customerId = fields.String(required=True, metadata=schemas.like("u-1842"))  # noqa: N815 - Kursaha's
    customerData = fields.Dict(keys=fields.String(), values=Json(allow_none=True))  # noqa: N815
