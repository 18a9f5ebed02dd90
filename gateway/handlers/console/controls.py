"""Fields of kinds in forms: what each is filled in with, and how its value is read and written."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any, Final

from gateway.sources import json_body

if TYPE_CHECKING:
    from collections.abc import Mapping

_NULL: Final[dict[str, Any]] = {"type": "null"}


class Control(enum.StrEnum):
    """What a field is filled in with."""

    CHECK = "check"
    CHOICE = "choice"
    LINES = "lines"
    JSON = "json"
    TEXT = "text"


def of(schema: Mapping[str, Any]) -> Control:
    """Choose by the schema of a field."""
    said, types = _beside_null(schema), _types(schema)
    if "enum" in said:
        return Control.CHOICE
    if "boolean" in types:
        return Control.CHECK
    if "array" in types and "string" in _types(said["items"]):
        return Control.LINES
    if types & {"string", "integer"}:
        return Control.TEXT
    return Control.JSON


def choices(schema: Mapping[str, Any]) -> list[str]:
    """List the texts that a field may be, the empty one where it may be null."""
    said = _beside_null(schema)["enum"]
    named = [one for one in said if one is not None]
    return ["", *named] if _may_be_null(schema) else named


def help_text(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description") or _beside_null(schema).get("description", ""))


def read(schema: Mapping[str, Any], text: str) -> object:
    """Read what was typed, as JSON would bring it; what cannot be read stays as it is."""
    match of(schema):
        case Control.CHECK:
            return text == "on"
        case Control.LINES:
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            return None if not lines and _may_be_null(schema) else lines
    text = text.strip()
    if not text and _may_be_null(schema):
        return None
    if of(schema) is Control.JSON:
        parsed = json_body.parse(text.encode(errors="replace"))
        return text if parsed.problem is not None else parsed.value
    if "integer" in _types(schema) and text.isascii() and text.lstrip("-").isdigit():
        return int(text)
    return text


def write(schema: Mapping[str, Any], value: object) -> str:
    """Write a value as a form shows it."""
    match of(schema):
        case Control.CHECK:
            return "on" if value else ""
        case Control.LINES if isinstance(value, list | tuple):
            return "\n".join(map(str, value))
        case Control.JSON if value is not None:
            return json.dumps(value, ensure_ascii=False, indent=2)
    return "" if value is None else str(value)


def _beside_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema says of values that are not null."""
    others = [one for one in schema.get("anyOf", ()) if one != _NULL]
    return others[0] if len(others) == 1 else schema


def _may_be_null(schema: Mapping[str, Any]) -> bool:
    alternatives = schema.get("anyOf", ())
    return _NULL in alternatives or "null" in _types(schema) or None in schema.get("enum", ())


def _types(schema: Mapping[str, Any]) -> set[str]:
    types = _beside_null(schema).get("type", ())
    return {types} if isinstance(types, str) else set(types)
