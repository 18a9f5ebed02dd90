"""Values of rules as the texts that people type, and back, without a loss.

A number is written as it is, and so is a text unless it would be read as something else: that one
stands in quotes, as JSON has it.
"""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from gateway.core import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.core.behaviour.rule import Path, Scalar

Json = object

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WORDS: Final = {"true": True, "false": False}
# Browsers drop or change these in a field.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def scalar(value: Scalar) -> str:
    """Write a value of any type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return str(value)
    return quoted(value) if _NUMBER.fullmatch(value) or value in _WORDS else name(value)


def name(value: str) -> str:
    """Write a text where nothing but texts can be."""
    odd = value != value.strip() or not value or value.startswith('"') or _CONTROL.search(value)
    return quoted(value) if odd else value


def quoted(value: str) -> str:
    return json.dumps(value)


def read_scalar(written: str) -> Json:
    """Read a value of any type as JSON has it."""
    written = written.strip()
    if written in _WORDS:
        return _WORDS[written]
    return Decimal(written) if _NUMBER.fullmatch(written) else read_name(written)


def read_name(written: str) -> str:
    """Read a text where nothing but texts can be."""
    written = written.strip()
    found = _json(written) if written.startswith('"') else written
    return texts.storable(found) if isinstance(found, str) else written


def path(keys: Path) -> str:
    """Write a path with dots; as a list, where a dot would be misread."""
    joined = ".".join(keys)
    plain = joined == joined.strip() and not _CONTROL.search(joined) and joined[:1] not in '["'
    if plain and joined and tuple(joined.split(".")) == keys:
        return joined
    return json.dumps(list(keys))


def read_path(written: str) -> Json:
    """Read a path as JSON has it."""
    written = written.strip()
    found = _json(written) if written.startswith("[") else None
    return found if isinstance(found, list) else written


def lines(values: Sequence[Scalar]) -> str:
    """Write values one a line."""
    return "\n".join(map(scalar, values))


def read_lines(written: str) -> list[Json]:
    return [read_scalar(line) for line in written.split("\n") if line.strip()]


def read_time(written: str) -> Json:
    """Read a time: a number is one since the epoch."""
    written = written.strip()
    return Decimal(written) if _NUMBER.fullmatch(written) else written


def duration(length: datetime.timedelta) -> tuple[str, str]:
    """Write a duration as a number and its unit."""
    seconds = length.days * 86_400 + length.seconds
    unit, size = next(
        (unit, size) for unit, size in _UNITS if seconds % size == 0 and (seconds or unit == "d")
    )
    return str(seconds // size), unit


def time(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def pretty(value: Any, indent: str = "") -> str:  # noqa: ANN401 - JSON
    """Write JSON for people, every number as it is."""
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        pairs = [f"{inner}{json.dumps(key)}: {pretty(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(pairs) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        items = [f"{inner}{pretty(one, inner)}" for one in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    if isinstance(value, list):
        return f"[{', '.join(map(pretty, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _json(written: str) -> Json:
    try:
        return json.loads(written)
    except ValueError:
        return None
