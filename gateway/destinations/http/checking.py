"""What is wrong with JSON, by the part of JSON Schema that declarations are described with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gateway.core import texts
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_DEPTH: Final = 20
_SHOWN_CHARACTERS: Final = 100
_PYTHON: Final[Mapping[str, type]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
}
_TYPES: Final[Mapping[str, str]] = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def faults(schema: Mapping[str, Any], value: object, path: str, depth: int = 0) -> Iterator[Fault]:
    """Tell all that is wrong with a value that JSON brought."""
    if depth > MAX_DEPTH:
        yield Fault(path, f"is deeper than {MAX_DEPTH} levels")
    elif "anyOf" in schema:
        yield from _any(schema["anyOf"], value, path, depth)
    elif not _is_of_type(value, schema.get("type")):
        yield Fault(path, f"must be {_TYPES[schema['type']]}")
    elif "enum" in schema and value not in schema["enum"]:
        yield Fault(path, f"must be one of {', '.join(schema['enum'])}")
    else:
        yield from _inside(schema, value, path, depth)


def _inside(schema: Mapping[str, Any], value: object, path: str, depth: int) -> Iterator[Fault]:
    if isinstance(value, dict):
        yield from _object(schema, value, path, depth)
    elif isinstance(value, list):
        yield from _list(schema, value, path, depth)
    elif isinstance(value, str):
        yield from _text(schema, value, path)
    elif _is_number(value):
        yield from _number(schema, value, path)  # type: ignore[arg-type]


def _any(choices: list[Any], value: object, path: str, depth: int) -> Iterator[Fault]:
    found = [list(faults(choice, value, path, depth + 1)) for choice in choices]
    if all(found):
        # The choice of the value's own type with the fewest faults explains best.
        fits = [
            told
            for choice, told in zip(choices, found, strict=True)
            if _is_of_type(value, choice.get("type"))
        ]
        yield from min(fits or found, key=len)


def _object(
    schema: Mapping[str, Any], value: dict[str, object], path: str, depth: int
) -> Iterator[Fault]:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    if len(value) > schema.get("maxProperties", len(value)):
        yield Fault(path, f"has {len(value)} keys; send at most {schema['maxProperties']}")
        return
    names = schema.get("propertyNames", {}).get("pattern", "")
    for name, inner in value.items():
        place = f"{path}.{texts.cut(name, _SHOWN_CHARACTERS)}"
        if not _matches(names, name) or not texts.is_storable(name):
            yield Fault(place, "is no name that may stand here")
        elif name in known or isinstance(others, dict):
            yield from faults(known.get(name, others), inner, place, depth + 1)
        elif others is False:
            yield Fault(place, "there is no such field")
        else:
            # Free JSON has no rules but to be storable and not too deep.
            yield from faults({}, inner, place, depth + 1)
    for name in schema.get("required", ()):
        if name not in value:
            yield Fault(f"{path}.{name}", "is missing")


def _list(schema: Mapping[str, Any], value: list[object], path: str, depth: int) -> Iterator[Fault]:
    if len(value) > schema.get("maxItems", len(value)):
        yield Fault(path, f"has {len(value)} items; send at most {schema['maxItems']}")
        return
    if len(value) < schema.get("minItems", 0):
        yield Fault(path, f"has {len(value)} items; send at least {schema['minItems']}")
    for place, inner in enumerate(value):
        yield from faults(schema.get("items", {}), inner, f"{path}.{place}", depth + 1)


def _text(schema: Mapping[str, Any], value: str, path: str) -> Iterator[Fault]:
    if len(value) > schema.get("maxLength", len(value)):
        yield Fault(path, f"is longer than {schema['maxLength']} characters")
    elif not texts.is_storable(value):
        yield Fault(path, "must be text without NUL")
    elif not _matches(schema.get("pattern", ""), value):
        yield Fault(path, f"must match {schema['pattern']}")


def _matches(pattern: str, value: str) -> bool:
    """Match as ECMAScript does, where $ is the very end; Python's lets a line end follow."""
    whole = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    return re.search(whole, value) is not None


def _number(schema: Mapping[str, Any], value: float, path: str) -> Iterator[Fault]:
    least, most = schema.get("minimum", value), schema.get("maximum", value)
    if not least <= value <= most:
        yield Fault(path, f"must be from {least} to {most}")


def _is_of_type(value: object, expected: str | None) -> bool:
    match expected:
        case None:
            return True
        case "integer":
            return _is_number(value) and float(value).is_integer()  # type: ignore[arg-type]
        case "number":
            return _is_number(value)
        case _:
            return isinstance(value, _PYTHON[expected])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
