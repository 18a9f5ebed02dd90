"""Fields of destinations that sources do not have."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from gateway.core import fields
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matched:
    """A text that matches a regular expression, wholly; `optional` ones may be null."""

    name: str
    title: str
    description: str
    pattern: str
    required: bool = False
    optional: bool = False
    default: str | None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return {
            "title": self.title,
            "description": self.description,
            "type": ["string", "null"] if self.optional else "string",
            "maxLength": fields.MAX_TEXT_CHARACTERS,
            "pattern": f"^(?:{self.pattern})$",
            "default": self.default,
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if value is None and self.optional:
            return
        if type(value) is not str:
            yield Fault(path, "must be text")
        elif len(value) > fields.MAX_TEXT_CHARACTERS or not re.fullmatch(self.pattern, value):
            yield Fault(path, f"must match {self.pattern}")

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it as it is."""
        return value
