"""Values as databases answer them, turned into texts for fields and into JSON for properties.

Drivers hand over Python values; what a driver has as text already stays as it is.
"""

from __future__ import annotations

import datetime
import decimal
import math
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gateway import errors
from gateway.sources import json_body

if TYPE_CHECKING:
    from collections.abc import Sequence


# Numbers with more digits before or behind the point are none for PostgreSQL, which keeps members.
_MOST_BEFORE: Final = 131_072
_MOST_BEHIND: Final = 16_383


def of_json(written: str) -> Any:  # noqa: ANN401 - JSON
    """Read a column of JSON. Numbers keep their digits; what is too deep or too long stays text."""
    try:
        return json_body.parse_exactly(written.encode(), too_long=_refuse)
    except errors.Malformed:
        return written


def _refuse(_digits: str) -> NoReturn:
    raise errors.Malformed("an integer is too long")


def text(value: Any) -> str:  # noqa: ANN401, PLR0911 - whatever a driver has, type by type
    """Write a value that is not NULL as the text of an id or of a field of the profile."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | decimal.Decimal):
        return _number(value)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return _moment(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return value.hex()
    if isinstance(value, list | tuple | dict):
        return json_text(value)
    return str(value)


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Turn a value into one that JSON has; NaN and infinities become texts."""
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, decimal.Decimal | float):
        if not _is_kept(value):
            return text(value)
        return int(value) if value == int(value) else float(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return text(value)


def json_text(value: Any) -> str:  # noqa: ANN401 - whatever a driver has
    """Write a value as JSON that jsonb takes; decimals keep all their digits, inside of it too."""
    # Loops, because in Python 3.11 comprehensions would double the depth of the stack.
    parts: list[str] = []
    if isinstance(value, list | tuple):
        for one in value:
            parts.append(json_text(one))  # noqa: PERF401 - see above
        return f"[{','.join(parts)}]"
    if isinstance(value, dict):
        for name, one in value.items():
            parts.append(f"{json_body.storable_json(str(name), clean=False)}:{json_text(one)}")
        return f"{{{','.join(parts)}}}"
    if isinstance(value, decimal.Decimal) and _is_kept(value):
        return _number(value)
    return json_body.storable_json(plain(value), clean=False)


def texts(column: Sequence[Any]) -> Sequence[str | None]:
    """Write a column; NULL stays None."""
    if set(map(type, column)) <= {str, type(None)}:
        return column
    return [None if value is None else text(value) for value in column]


def _number(value: float | decimal.Decimal) -> str:
    """Write a number in its shortest decimal form, without an exponent."""
    if isinstance(value, int):
        return str(value)
    exact = value if isinstance(value, decimal.Decimal) else decimal.Decimal(repr(value))
    if not _is_kept(exact):
        return str(exact)
    written = format(exact, "f")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written in ("-0", "") else written


def _is_kept(value: float | decimal.Decimal) -> bool:
    """Tell whether a number can be kept as one; NaN and infinities cannot."""
    if isinstance(value, float):
        return math.isfinite(value)
    if not value.is_finite():
        return False
    return value.adjusted() < _MOST_BEFORE and int(value.as_tuple().exponent) >= -_MOST_BEHIND


def _moment(value: datetime.date | datetime.time | datetime.timedelta) -> str:
    """Write a date or time by RFC 3339; one without a zone is of UTC."""
    if isinstance(value, datetime.datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        return zoned.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    return value.isoformat()


def _duration(value: datetime.timedelta) -> str:
    """Write a duration as ISO 8601 does; MySQL's TIME is one."""
    sign, whole = ("-", -value) if value < datetime.timedelta() else ("", value)
    hours, rest = divmod(whole, datetime.timedelta(hours=1))
    minutes, seconds = divmod(rest, datetime.timedelta(minutes=1))
    written = format(seconds.total_seconds(), "09.6f").rstrip("0").rstrip(".")
    return f"{sign}{hours:02}:{minutes:02}:{written}"
