"""What is posted of people and events, item by item: taken, or rejected with a code."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import TYPE_CHECKING, Final

from gateway.core import texts
from gateway.core.cohorts import member_ids
from gateway.core.cohorts.member_ids import Skip
from gateway.core.people import times

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PEOPLE: Final = 1000
MAX_EVENTS: Final = 2000
MAX_NAME_CHARACTERS: Final = 200
MAX_KEYS: Final = 255
MAX_OBJECT_BYTES: Final = 32 * 1024
MAX_DEPTH: Final = 10
MAX_EVENT_ID_BYTES: Final = 1024
# So many rejected items are listed in an answer; all are counted.
MAX_LISTED: Final = 1000

# Clocks of senders may be so far ahead of ours.
AHEAD: Final = datetime.timedelta(hours=1)

# What programs write where they have no id; compared without case.
PLACEHOLDERS: Final = frozenset(
    {
        "",
        "null",
        "undefined",
        "none",
        "anonymous",
        "nan",
        "00000000-0000-0000-0000-000000000000",
    }
)


class Code(enum.StrEnum):
    """Why an item is rejected."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_ID = "missing_id"
    WRONG_TYPE = "wrong_type"
    PLACEHOLDER_ID = "placeholder_id"
    BLANK_ID = "blank_id"
    TOO_LONG = "too_long"
    BAD_TEXT = "bad_text"
    ANONYMOUS = "anonymous"
    BAD_NAME = "bad_name"
    BAD_EVENT_ID = "bad_event_id"
    BAD_TIME = "bad_time"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    BAD_PROPERTIES = "bad_properties"
    TOO_MANY_KEYS = "too_many_keys"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    BAD_NUMBER = "bad_number"


class Rejection(Exception):
    """An item cannot be taken; the text says what to send instead."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """An item that was rejected: `person_id` and `event` as far as they could be read."""

    index: int
    code: Code
    message: str
    person_id: str = ""
    event: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event that can be taken; `properties` is JSON text that jsonb takes."""

    person_id: str
    name: str
    time: datetime.datetime
    event_id: str | None
    properties: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """Traits of a person to be merged: JSON text by name; None removes a trait."""

    index: int
    person_id: str
    traits: Mapping[str, str | None]


def person_id(value: object, field: str = "person_id") -> str:
    """Read the id of a person. Raises Rejection."""
    if value is None:
        raise Rejection(Code.MISSING_ID, f"{field}: is missing; send the person's id")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise Rejection(Code.WRONG_TYPE, f"{field}: must be text or an integer")
    if text.lower() in PLACEHOLDERS:
        raise Rejection(
            Code.PLACEHOLDER_ID, f"{field}: stands for no person; send the id of a known one"
        )
    why = member_ids.why_unusable(text)
    if why is not None:
        code, reason = _UNUSABLE[why]
        raise Rejection(code, f"{field}: {reason}")
    return text


def name(value: object, field: str = "event") -> str:
    """Read the name of an event. Raises Rejection."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_CHARACTERS:
        message = f"{field}: must be a text of 1 to {MAX_NAME_CHARACTERS} characters"
        raise Rejection(Code.BAD_NAME, message)
    return texts.storable(value)


def event_id(value: object, field: str = "event_id") -> str | None:
    """Read the id of an event; null and an empty text are none. Raises Rejection."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    usable = isinstance(value, str) and texts.is_storable(value)
    if not isinstance(value, str) or not usable or len(value.encode()) > MAX_EVENT_ID_BYTES:
        raise Rejection(
            Code.BAD_EVENT_ID,
            f"{field}: must be a text of at most {MAX_EVENT_ID_BYTES} bytes without NUL",
        )
    return value


def shown(value: object) -> str:
    """Show a value of a rejected item: as text, storable, and not long."""
    return texts.cut(str(value), MAX_NAME_CHARACTERS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """The times that are taken: since `oldest`, and up to an hour after the receipt, `now`."""

    now: datetime.datetime
    oldest: datetime.datetime

    def time(self, value: object, field: str = "time") -> datetime.datetime:
        """Read the time of an event; without one that of the receipt. Raises Rejection."""
        if value is None:
            return self.now
        if not times.is_time(value):
            raise Rejection(
                Code.BAD_TIME,
                f"{field}: must be RFC 3339 with an offset, like 2026-01-31T09:30:00Z, or epoch"
                " seconds or milliseconds",
            )
        found = times.parse(value)
        if found is None or not self.oldest <= found <= self.now + AHEAD:
            raise Rejection(
                Code.TIME_OUT_OF_RANGE,
                f"{field}: is too old, or more than an hour ahead; send events of the last"
                f" {(self.now - self.oldest).days} days",
            )
        return min(found, self.now)


def window(now: datetime.datetime, *, event_days: int) -> Window:
    """Return the times that are taken at a receipt, of events that are kept for some days."""
    return Window(now=now, oldest=now - datetime.timedelta(days=event_days))


_UNUSABLE: Final[Mapping[Skip, tuple[Code, str]]] = {
    Skip.BLANK_ID: (Code.BLANK_ID, "is blank; send the person's id"),
    Skip.BAD_TEXT: (Code.BAD_TEXT, "has NUL or half a surrogate pair"),
    Skip.TOO_LONG: (
        Code.TOO_LONG,
        f"is longer than {member_ids.MAX_MEMBER_ID_BYTES} bytes of UTF-8",
    ),
}
