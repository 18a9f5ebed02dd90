"""Traits and properties: JSON objects, held to their limits and written with the digits sent."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import orjson

from gateway.core import texts
from gateway.core.people.items import MAX_DEPTH, MAX_KEYS, MAX_OBJECT_BYTES, Code, Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of a number that is written out; jsonb would spend a byte on each two of them.
MAX_DIGITS: Final = 4300


def read(value: object, field: str) -> dict[str, object]:
    """Read an object, of which null is an empty one, and hold it to the limits.

    Raises Rejection.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Rejection(Code.BAD_PROPERTIES, f"{field}: must be an object")
    if len(value) > MAX_KEYS:
        raise Rejection(Code.TOO_MANY_KEYS, f"{field}: has more than {MAX_KEYS} keys")
    _require_shallow(value, field)
    return value


def write(value: dict[str, object], field: str) -> str:
    """Write an object that was read as JSON text for jsonb. Raises Rejection if it is too long."""
    written = text(value, field)
    if len(written) > MAX_OBJECT_BYTES // 4 and len(written.encode()) > MAX_OBJECT_BYTES:
        raise Rejection(Code.TOO_LARGE, f"{field}: is larger than {MAX_OBJECT_BYTES} bytes as JSON")
    return written


def text(value: object, field: str) -> str:
    """Write any value as JSON that jsonb takes. Raises Rejection for a number that is too long."""
    try:
        written = orjson.dumps(value, default=_digits)
    except TypeError:  # an integer beyond 64 bits, half a surrogate pair, or a number too long
        return _carefully(value, field)
    if b"\\u0000" in written:
        return _carefully(value, field)
    return written.decode()


def members(value: dict[str, object], field: str) -> dict[str, str | None]:
    """Write each value of an object that was read by itself; null is None. Raises Rejection."""
    write(value, field)  # which counts them together
    return {
        texts.storable(name): None if one is None else text(one, field)
        for name, one in value.items()
    }


def joined(members: Mapping[str, str]) -> str:
    """Write an object of names and JSON texts."""
    pairs = [f"{orjson.dumps(name).decode()}:{written}" for name, written in members.items()]
    return "{" + ",".join(pairs) + "}"


def _require_shallow(value: dict[str, object], field: str) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)  # type: ignore[attr-defined]
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise Rejection(Code.TOO_DEEP, f"{field}: is nested deeper than {MAX_DEPTH} levels")


def _digits(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and _is_short(value):
        return orjson.Fragment(str(value))
    raise TypeError


def _is_short(value: Decimal) -> bool:
    if not value.is_finite():
        return False
    return abs(value.adjusted()) <= MAX_DIGITS and len(value.as_tuple().digits) <= MAX_DIGITS


def _carefully(value: object, field: str) -> str:
    """Write what orjson does not, character by character where need be."""
    if isinstance(value, dict):
        pairs = {texts.storable(name): _carefully(one, field) for name, one in value.items()}
        return joined(pairs)
    if isinstance(value, list):
        return "[" + ",".join([_carefully(one, field) for one in value]) + "]"
    if isinstance(value, str):
        return orjson.dumps(texts.storable(value)).decode()
    if isinstance(value, Decimal) and not _is_short(value):
        raise Rejection(Code.BAD_NUMBER, f"{field}: has a number of more than {MAX_DIGITS} digits")
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return orjson.dumps(value).decode()
