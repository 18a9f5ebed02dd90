"""Kinds of values in requests and answers."""

from __future__ import annotations

import datetime
import re
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from gateway.core import moments, texts

# What a text in a path or a filter must be, as a pattern of JSON Schema.
WITHOUT_NUL: Final = r"^[^\u0000]*$"
MAX_BIGINT: Final = 2**63 - 1
# As JSON Schema calls them.
JSON_TYPES: Final = ("string", "number", "boolean", "object", "array", "null")
_DIGITS: Final = re.compile(r"[0-9]{1,19}")


class Number(fields.Integer):
    """A whole number in ASCII digits, as query parameters carry it."""

    def __init__(self, *, least: int, most: int, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        error = f"must be a whole number from {least} to {most}"
        super().__init__(validate=validate.Range(least, most, error=error), **rest)
        self._error = error

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> int:  # noqa: ANN401
        if not _DIGITS.fullmatch(value):  # int() would also take signs, spaces, other digits
            raise ValidationError(self._error)
        return int(value)


class Exact(fields.String):
    """A text that is compared as it is; NUL, which nothing stored can hold, is refused."""

    def _deserialize(self, value: Any, *rest: Any, **named: Any) -> str:  # noqa: ANN401
        text: str = super()._deserialize(value, *rest, **named)
        if not texts.is_storable(text):
            raise ValidationError("must be text without NUL")
        return text


class Texts(fields.List[str]):
    """A list of texts, or of integers, which become their decimal texts.

    It is counted before anything of it is looked at, and looked at up to the first fault only.
    """

    def __init__(self, *, most: int, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        item = fields.String(metadata={"type": ["string", "integer"]})
        super().__init__(item, validate=validate.Length(max=most), **rest)
        self._most = most

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> list[str | None]:  # noqa: ANN401
        if type(value) is not list:
            raise ValidationError("must be a list of texts")
        if len(value) > self._most:
            raise ValidationError(f"has {len(value)} items; send at most {self._most}")
        return [_text(place, one) for place, one in enumerate(value)]


def _text(place: int, value: object) -> str:
    if type(value) is int:  # not bool, which is an int to isinstance
        return str(value)
    if type(value) is not str:
        raise ValidationError({place: ["must be text or an integer"]})
    if texts.has_half_a_pair(value):  # no answer could repeat it
        raise ValidationError({place: ["has half a surrogate pair; send text without it"]})
    return value


class Truth(fields.Boolean):
    """True or false, as query parameters carry it."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        super().__init__(
            truthy={"true"},
            falsy={"false"},
            **rest,
            error_messages={"invalid": "must be true or false"},
        )


class Json(fields.Raw):
    """Any value that JSON has."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - as above
        # The description adds "null" to the types of what may be none.
        named = [one for one in JSON_TYPES if one != "null" or not rest.get("allow_none")]
        metadata = {"type": named, **rest.pop("metadata", {})}
        super().__init__(**rest, metadata=metadata)


class Time(fields.AwareDateTime):
    """A moment, RFC 3339 in UTC with six decimals."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(format="iso", **rest)

    def _serialize(self, value: Any, *_rest: Any, **_named: Any) -> str | None:  # noqa: ANN401
        return None if value is None else moments.write(value)


class Moment(Time):
    """A moment as a query names it: RFC 3339 with a time zone, loaded in UTC."""

    default_error_messages = dict.fromkeys(
        ("invalid", "invalid_awareness", "format"),
        "must be a time as in RFC 3339, like 2026-01-31T09:30:00Z",
    )

    def _deserialize(self, value: Any, *rest: Any, **named: Any) -> datetime.datetime:  # noqa: ANN401
        moment: datetime.datetime = super()._deserialize(value, *rest, **named)
        try:  # Postgres knows no offset of 16 hours or more
            return moment.astimezone(datetime.UTC)
        except OverflowError as error:  # outside the years 1 to 9999
            raise self.make_error("invalid") from error
