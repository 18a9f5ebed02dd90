"""JSON to the parts of a rule: conditions, comparisons, times and durations."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from gateway.core import texts
from gateway.core.behaviour.faults import Wrong, require_keys
from gateway.core.behaviour.rule import Cmp, Cond, Op, Path, Scalar, Sum
from gateway.core.people import items, times

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_IN: Final = 1000
MAX_KEYS: Final = 20
MAX_BIGINT: Final = 2**63 - 1
# Of a number, as in what people and events hold.
MAX_DIGITS: Final = 4300
MAX_TEXT_BYTES: Final = 32 * 1024

_COND: Final = ("property", "op", "value", "case")
_CMP: Final = ("op", "value")
_SUM: Final = ("property", "op", "value")
_COMPARING: Final = frozenset({Op.EQ, Op.NE, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN})
_ORDERING: Final = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
_TEXTUAL: Final = frozenset({Op.CONTAINS, Op.NOT_CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH})
_BARE: Final = frozenset({Op.EXISTS, Op.NOT_EXISTS, Op.IS_TRUE, Op.IS_FALSE})

_COHORT_ID: Final = re.compile(r"[1-9][0-9]{0,18}")
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS: Final[Mapping[str, str]] = {
    "s": "seconds",
    "m": "minutes",
    "h": "hours",
    "d": "days",
    "w": "weeks",
}


def cond(value: object, place: str) -> Cond:
    """Read a condition. Raises Wrong."""
    sent = require_keys(value, place, _COND, needed=("property", "op"))
    keys, op = path(sent["property"], f"{place}.property"), _op(sent["op"], place)
    case = sent.get("case", False)
    if not isinstance(case, bool) or ("case" in sent and op not in _TEXTUAL):
        raise Wrong(f"{place}.case", "must be true or false, with an operator on texts")
    place = f"{place}.value"
    if op in _BARE:
        if "value" in sent:
            raise Wrong(place, f"{op} takes no value")
        return Cond(path=keys, op=op)
    if "value" not in sent:
        raise Wrong(place, "is missing")
    return _with_value(keys, op, sent["value"], place, case=case)


def _with_value(keys: Path, op: Op, value: object, place: str, *, case: bool) -> Cond:
    if op in (Op.BEFORE, Op.AFTER):
        return Cond(path=keys, op=op, time=time(value, place))
    if op is Op.WITHIN:
        return Cond(path=keys, op=op, within=duration(value, place))
    return Cond(path=keys, op=op, values=_values(op, value, place), case=case)


def _values(op: Op, value: object, place: str) -> tuple[Scalar, ...]:
    if op in _TEXTUAL:
        if not isinstance(value, str):
            raise Wrong(place, f"{op} needs a text")
        return (_scalar(value, place),)
    if op in (Op.IN, Op.NOT_IN):
        if not isinstance(value, list) or len(value) > MAX_IN:
            raise Wrong(place, f"must be a list of at most {MAX_IN} values")
        return tuple(_scalar(one, f"{place}.{n}") for n, one in enumerate(value))
    if op is Op.BETWEEN:
        low, high = (_scalar(one, f"{place}.{n}") for n, one in enumerate(pair(value, place)))
        if isinstance(low, bool) or type(low) is not type(high):
            raise Wrong(place, "must be two numbers, or two texts")
        return (low, high)
    found = _scalar(value, place)
    if op in _ORDERING and isinstance(found, bool):
        raise Wrong(place, f"{op} needs a number or a text")
    return (found,)


def cmp(value: object, place: str) -> Cmp:
    """Read a comparison of numbers. Raises Wrong."""
    return _cmp(require_keys(value, place, _CMP, needed=("op", "value")), place)


def total(value: object, place: str) -> Sum:
    """Read a comparison of a sum. Raises Wrong."""
    sent = require_keys(value, place, _SUM, needed=("property", "op", "value"))
    return Sum(path=path(sent["property"], f"{place}.property"), cmp=_cmp(sent, place))


def _cmp(sent: Mapping[str, object], place: str) -> Cmp:
    op = _op(sent["op"], place)
    if op not in _COMPARING:
        listed = ", ".join(one for one in Op if one in _COMPARING)
        raise Wrong(f"{place}.op", f"must be one of {listed}")
    place = f"{place}.value"
    values = pair(sent["value"], place) if op is Op.BETWEEN else [sent["value"]]
    return Cmp(op=op, values=tuple(_number(one, place) for one in values))


def pair(value: object, place: str) -> list[object]:
    """Read a list of two. Raises Wrong."""
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - from and to
        raise Wrong(place, "must be a list of two: from and to")
    return value


def time(value: object, place: str) -> datetime.datetime:
    """Read a time. Raises Wrong."""
    found = times.parse(_exact(value))
    if found is None:
        raise Wrong(
            place,
            "must be a time: RFC 3339 with an offset, like 2026-01-31T09:30:00Z, or epoch seconds"
            " or milliseconds",
        )
    return found


def duration(value: object, place: str) -> datetime.timedelta:
    """Read a duration. Raises Wrong."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong(place, "must be a duration: a number with s, m, h, d or w, like 30d")
    try:
        return datetime.timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise Wrong(place, "is longer than any time that is kept") from None


def cohort_id(value: object, place: str) -> int:
    """Read the id of a cohort. Raises Wrong."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    number = int(text) if _COHORT_ID.fullmatch(text) else 0
    if not 0 < number <= MAX_BIGINT:
        raise Wrong(place, "must be the id of a cohort")
    return number


def name(value: object, place: str) -> str:
    """Read the name of an event. Raises Wrong."""
    try:
        return items.name(value)
    except items.Rejection:
        most = items.MAX_NAME_CHARACTERS
        raise Wrong(place, f"must be a text of 1 to {most} characters") from None


def _op(value: object, place: str) -> Op:
    try:
        return Op(value)  # type: ignore[arg-type]
    except ValueError:
        raise Wrong(f"{place}.op", f"must be one of {', '.join(Op)}") from None


def path(value: object, place: str) -> Path:
    """Read the path of a property. Raises Wrong."""
    keys = value.split(".") if isinstance(value, str) else value
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise Wrong(place, f"must be a path with dots, or a list of 1 to {MAX_KEYS} keys")
    if not all(isinstance(key, str) for key in keys) or not any(keys):
        raise Wrong(place, "must name a key")
    return tuple(texts.storable(key) for key in keys)


def _scalar(value: object, place: str) -> Scalar:
    if isinstance(value, str):
        if len(value.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
            raise Wrong(place, f"is longer than {MAX_TEXT_BYTES} bytes")
        return texts.storable(value)
    return value if isinstance(value, bool) else _number(value, place, "a number, a text or true")


def _number(value: object, place: str, what: str = "a number") -> Decimal:
    value = _exact(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Wrong(place, f"must be {what}")
    number = Decimal(value)
    digits = len(number.as_tuple().digits)
    if not number.is_finite() or max(digits, abs(number.adjusted())) > MAX_DIGITS:
        raise Wrong(place, f"has more than {MAX_DIGITS} digits")
    return number


def _exact(value: object) -> object:
    """Read a float as the number that was written: the shortest that names it."""
    return Decimal(repr(value)) if isinstance(value, float) else value
