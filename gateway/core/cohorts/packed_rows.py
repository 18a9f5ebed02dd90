"""Rows as they are kept for a person to look at: any texts, as JSON."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence


def write(rows: Sequence[object]) -> bytes:
    """Write rows; half of a surrogate pair, and NUL, are written too."""
    return json.dumps(list(rows), separators=(",", ":")).encode()


def read(text: bytes) -> list[Any]:
    """Read rows back."""
    rows: list[Any] = json.loads(text)
    return rows


def without(rows: Sequence[Any], digests: Container[bytes]) -> list[Any]:
    """Leave out each row that has a text with one of these digests (SHA-256) in it."""
    return [row for row in rows if not any(_digest(one) in digests for one in _texts(row))]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
