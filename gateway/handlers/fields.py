"""Kinds of values in requests and answers."""

from __future__ import annotations

import re
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from gateway.core import texts

MAX_BIGINT: Final = 2**63 - 1
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


class Time(fields.AwareDateTime):
    """A moment, RFC 3339 in UTC."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(format="iso", **rest)
