"""Times as events and rules name them: RFC 3339 with an offset, or numbers since the epoch."""

from __future__ import annotations

import datetime
import decimal
import re
from decimal import Decimal
from typing import Final

EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# The first moment of the year 10000, in microseconds: times are before it, and not before 1970.
_END: Final = 253_402_300_800 * 1_000_000
# Numbers from here on are milliseconds; as seconds they would be the year 5138.
MILLISECONDS_FROM: Final = 100_000_000_000
_MICROSECONDS: Final = 1_000_000
# More digits than any number that is stored has; the usual 28 would round.
_EXACT: Final = decimal.Context(prec=20_000)
# Digits of a fraction beyond microseconds are cut.
_MOST_FRACTION: Final = 6

# The fields of RFC 3339; `rule.py` of the store has the same in the dialect of Postgres.
_TEXT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_MOST_OFFSET_HOURS: Final = 23
_MOST_OFFSET_MINUTES: Final = 59


def parse(value: object) -> datetime.datetime | None:
    """Read a JSON value as a moment in UTC; None if it is none of the years 1970 to 9999."""
    if isinstance(value, str):
        micros = _of_text(value)
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        micros = None
    else:
        micros = _of_number(value)
    if micros is None or not 0 <= micros < _END:
        return None
    return EPOCH + datetime.timedelta(microseconds=micros)


def is_time(value: object) -> bool:
    """Tell whether a value has the form of a time, of whatever year."""
    if isinstance(value, str):
        return _of_text(value) is not None
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _of_number(value: int | Decimal) -> int | None:
    if not 0 <= value < _END:
        return None
    unit = _MICROSECONDS if value < MILLISECONDS_FROM else 1000
    if isinstance(value, int):
        return value * unit
    scaled = _EXACT.multiply(value, unit)
    return int(scaled.to_integral_value(decimal.ROUND_FLOOR))


def _of_text(value: str) -> int | None:
    found = _TEXT.fullmatch(value)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
    except ValueError:
        return None
    fraction = (found[7] or "")[:_MOST_FRACTION].ljust(_MOST_FRACTION, "0")
    offset = _offset_seconds(found)
    if offset is None:
        return None
    since = moment - EPOCH
    seconds = since.days * 86_400 + since.seconds - offset
    return seconds * _MICROSECONDS + int(fraction)


def _offset_seconds(found: re.Match[str]) -> int | None:
    if found[8] is None:
        return 0
    hours, minutes = int(found[9]), int(found[10])
    if hours > _MOST_OFFSET_HOURS or minutes > _MOST_OFFSET_MINUTES:
        return None
    return (1 if found[8] == "+" else -1) * (hours * 3600 + minutes * 60)
