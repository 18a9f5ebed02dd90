"""Kinds of values in requests and answers, and how each is written in OpenAPI."""

from __future__ import annotations

import re
from typing import Any, Final

from marshmallow import ValidationError, fields

from gateway.core import texts

MAX_BIGINT: Final = 2**63 - 1
_DIGITS: Final = re.compile(r"[0-9]{1,19}")


class Number(fields.Field[int]):
    """A whole number in ASCII digits, as query parameters carry it."""

    def __init__(self, *, least: int, most: int, **rest: Any) -> None:
        metadata = {"type": "integer", "minimum": least, "maximum": most} | rest.pop("metadata", {})
        super().__init__(metadata=metadata, **rest)
        self._least = least
        self._most = most

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not _DIGITS.fullmatch(value) or not self._least <= int(value) <= self._most:
            raise ValidationError(f"must be a whole number from {self._least} to {self._most}")
        return int(value)


class Exact(fields.String):
    """A text that is compared as it is; one that nothing stored can equal is refused."""

    def _deserialize(self, value: Any, *rest: Any, **named: Any) -> Any:
        text = super()._deserialize(value, *rest, **named)
        if isinstance(text, str) and not texts.is_storable(text):
            raise ValidationError("must be text without NUL")
        return text


class Id(fields.String):
    """A number of ours that the outside sees as text."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str:
        return str(value)

