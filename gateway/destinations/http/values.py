"""Values inside JSON: by dotted paths, and set there."""

from __future__ import annotations

from typing import Final

# Unlike null, which is a value: a key with it is left out.
MISSING: Final = object()


def at(body: object, path: str) -> object:
    """Return what stands at a path like `result.0.id`; MISSING if nothing does. Empty: all."""
    found = body
    for step in path.split(".") if path else ():
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return MISSING
    return found


def listed(body: object, path: str) -> list[object]:
    """Return the list at a path; an object counts as its values, anything else as empty."""
    found = at(body, path)
    if isinstance(found, dict):
        return list(found.values())
    return found if isinstance(found, list) else []


def meets(found: object, expected: object) -> bool:
    """Tell whether a value is the expected one, or one of a list; true is no number."""
    if isinstance(expected, list):
        return any(meets(found, one) for one in expected)
    return type(found) is type(expected) and found == expected


def put(body: dict[str, object], path: str, value: object) -> None:
    """Set a value at a path of objects, which are made where they are missing."""
    *steps, last = path.split(".")
    for step in steps:
        inner = body.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        body = inner
    body[last] = value


def text(value: object) -> str | None:
    """Write a plain value as text, as it stands in paths and queries; None if it is not plain."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return None
