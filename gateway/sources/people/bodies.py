"""Bodies of people and events: JSON or NDJSON, every number with the digits that were sent."""

from __future__ import annotations

import dataclasses
from typing import Final

from gateway import errors
from gateway.core import texts
from gateway.sources import json_body

NDJSON: Final = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
    }
)


class NotJson:
    """A line that is no JSON; it is rejected by itself."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Posted:
    """The items of a request, and the source that its body names."""

    items: list[object]
    source: str | None = None


def read(raw: bytes, media_type: str, name: str, *, most: int) -> Posted:
    """Read a body: an object with the list `name`, or with NDJSON an item a line.

    Raises errors.Malformed, and errors.TooLarge beyond `most` items.
    """
    bare = media_type.partition(";")[0].strip().lower()
    if bare not in NDJSON:
        return listed(an_object(raw), name, most=most)
    return Posted(items=_counted(_lines(raw, most), name, most))


def listed(value: dict[str, object], name: str, *, most: int) -> Posted:
    """Read the list of a body. Raises errors.Malformed, and errors.TooLarge if it is too long."""
    sent = value.get(name)
    if not isinstance(sent, list):
        raise errors.Malformed(f"{name}: must be a list")
    return Posted(items=_counted(sent, name, most), source=source_of(value))


def source_of(value: dict[str, object]) -> str | None:
    """Read which source a body names. Raises errors.Malformed unless it is text or null."""
    source = value.get("source")
    if source is None:
        return None
    if not isinstance(source, str) or not texts.is_storable(source):
        raise errors.Malformed("source: must be the slug of a source")
    return source


def an_object(raw: bytes) -> dict[str, object]:
    """Read a body that is an object. Raises errors.Malformed."""
    value = json_body.parse_exactly(raw)
    if not isinstance(value, dict):
        raise errors.Malformed("the body: must be a JSON object")
    return value


def _counted(sent: list[object], name: str, most: int) -> list[object]:
    if len(sent) > most:
        raise errors.TooLarge(f"{name}: has more than {most} items; send fewer at once")
    return sent


def _lines(raw: bytes, most: int) -> list[object]:
    """Read the lines that are not blank, one more than may be at most."""
    items: list[object] = []
    for line in raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line.strip():
            items.append(_line(line))
            if len(items) > most:
                break
    return items


def _line(line: bytes) -> object:
    try:
        return json_body.parse_exactly(line)
    except errors.Malformed:
        return NotJson()
