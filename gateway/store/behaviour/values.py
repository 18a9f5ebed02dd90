"""Conditions on JSON values as SQL: whole expressions of SQLAlchemy, with every value a parameter.

Each gives true or false, never null. What an operand cannot be compared with is looked at first, in
a CASE: its branches are evaluated in order, so that no cast meets a value of another type.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from gateway.core.behaviour import windows
from gateway.core.behaviour.rule import Cmp, Cond, Op
from gateway.core.people import times

if TYPE_CHECKING:
    import datetime

    from gateway.core.behaviour.rule import Path, Scalar

Json: TypeAlias = "ColumnElement[Any]"
Truth: TypeAlias = "ColumnElement[bool]"

# The form of a time (RFC 3339, section 5.6) with the days that each month has.
_YEAR: Final = "(19[6-9][0-9]|[2-9][0-9]{3})"
_LEAP: Final = "((19|[2-9][0-9])(0[48]|[2468][048]|[13579][26])|([2468][048]|[3579][26])00)"
_DAY: Final = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_CLOCK: Final = r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_OFFSET: Final = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_TIME: Final = f"^({_YEAR}-{_DAY}|{_LEAP}-02-29){_CLOCK}{_OFFSET}$"
_END: Final = cast(literal_column("'10000-01-01 00:00:00+00'"), TIMESTAMP(timezone=True))
# A rule may compare with times three hundred times: a parameter for each of these would take longer
# to write than the rule takes.
_IS_TIME: Final = literal_column(f"'{_TIME}'", Text)
_FRACTION: Final = literal_column(r"'\.([0-9]{1,6})'", Text)
_MILLION: Final = literal_column("1000000", Integer)
_THOUSAND: Final = literal_column("1000", Integer)
_SIXTY: Final = literal_column("60", Integer)
_NONE: Final = literal_column("0", Integer)
_MILLISECONDS_FROM: Final = literal_column(str(times.MILLISECONDS_FROM), Numeric)
_END_MILLISECONDS: Final = literal_column("253402300800000", Numeric)

# Longer values share one key of an index: its rows have to fit in a third of a page.
MAX_KEY_BYTES: Final = 256
_OTHERS: Final = cast(literal_column("'[]'"), JSONB)

_RANGES: Final = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN})
_TIMED: Final = frozenset({Op.BEFORE, Op.AFTER, Op.WITHIN})
_SIGNS: Final[dict[Op, str]] = {
    Op.EQ: "=",
    Op.NE: "<>",
    Op.GT: ">",
    Op.GTE: ">=",
    Op.LT: "<",
    Op.LTE: "<=",
}


def _order(one: ColumnElement[Any], op: Op, *others: ColumnElement[Any]) -> Truth:
    """Compare with one value, or with both ends of `between`."""
    if op is Op.BETWEEN:
        low, high = others
        return and_(one.bool_op(">=")(low), one.bool_op("<=")(high))
    return one.bool_op(_SIGNS[op])(others[0])


def at(document: Json, path: Path) -> Json:
    """Return the value at a path, null if there is none; it leads through objects alone."""
    for key in path:
        document = document.op("->", return_type=JSONB())(cast(literal(key), Text))
    return document


def meets(document: Json, cond: Cond, *, as_of: datetime.datetime) -> Truth:
    """Tell whether the value at a condition's path meets it."""
    value = at(document, cond.path)
    positive = cond.op.positive
    if positive is Op.EXISTS:
        found = _is_there(value)
    elif positive in _TIMED:
        found = _some_time(value, cond, positive, as_of)
    else:
        found = _some(value, cond, positive)
    return found if positive is cond.op else not_(found)


def key_at(document: Json, path: Path) -> Json:
    """Return what an index has of the value at a path: a number, a text or a truth, if not long.

    Lists, of which each element counts, and what is long, for which an index has no room, are all
    one key. Of nothing, null and objects it is null.
    """
    value = at(document, path)
    kind = _type(value)
    is_long = func.octet_length(cast(value, Text)) > literal_column(str(MAX_KEY_BYTES), Integer)
    return case(
        (kind.in_([literal_column("'object'"), literal_column("'null'")]), null()),
        (or_(kind == literal_column("'array'"), is_long), _OTHERS),
        else_=value,
    )


def may_meet(document: Json, cond: Cond) -> Truth | None:
    """Say of the key at a condition's path what must be so for it to hold; None if no key tells."""
    key, ends = key_at(document, cond.path), cond.values
    if cond.op in (Op.EQ, Op.IN):
        return _is_one_of(key, [*ends])
    if cond.op in (Op.IS_TRUE, Op.IS_FALSE):
        return _is_one_of(key, [cond.op is Op.IS_TRUE])
    if cond.op not in _RANGES or not isinstance(ends[0], Decimal):
        return None  # texts are in an index in another order than that of code points
    return or_(_order(key, cond.op, *map(_json, ends)), key == _OTHERS)


def _is_one_of(key: Json, values: list[Scalar]) -> Truth:
    listed = [*map(_written, values), "[]"]
    array = cast(cast(literal(listed, ARRAY(Text)), ARRAY(Text)), ARRAY(JSONB))
    return key == func.any(array)


def compare(number: ColumnElement[Any], cmp: Cmp) -> Truth:
    """Compare a number that is never null."""
    return _order(number, cmp.op, *map(_number, cmp.values))


def number_at(document: Json, path: Path) -> ColumnElement[Any]:
    """Return the number at a path; null if there is another value, or none."""
    value = at(document, path)
    return case((_type(value) == "number", cast(value, Numeric)))


def _is_there(value: Json) -> Truth:
    return func.coalesce(_type(value) != "null", false())


def _some_time(value: Json, cond: Cond, op: Op, as_of: datetime.datetime) -> Truth:
    """Tell whether a value, or of a list one of its elements, is a time as a condition asks."""
    kind = _type(value)
    elements = func.jsonb_array_elements(
        case((kind == literal_column("'array'"), value), else_=func.jsonb_build_array(value))
    )
    listed = elements.table_valued(column("element", JSONB)).render_derived()
    timed = _in_time(listed.c.element, cond, op, as_of)
    return exists(select(literal_column("1")).select_from(listed).where(timed))


def _some(value: Json, cond: Cond, op: Op) -> Truth:
    """Tell whether a value meets a condition, or of a list one of its elements.

    The type is asked for once, because to find a value takes longer than to compare it.
    """
    elements = func.jsonb_array_elements(
        case((_type(value) == "array", value), else_=cast("[]", JSONB))
    )
    listed = elements.table_valued(column("element", JSONB)).render_derived()
    one = listed.c.element
    among = exists(select(literal(1)).select_from(listed).where(_one(one, cond, op, None)))
    return _one(value, cond, op, among)


def _one(value: Json, cond: Cond, op: Op, among: Truth | None) -> Truth:
    """Tell whether a value meets a condition; `among` tells it of a list, None for never."""
    lists: dict[str, Truth] = {} if among is None else {"array": among}
    if cond.values and op not in (Op.EQ, Op.IN):
        typed = _typed(value, cond, op)
        return case({**typed, **lists}, value=_type(value), else_=false())
    found = func.coalesce(_untyped(value, cond, op), false())
    return case(lists, value=_type(value), else_=found) if lists else found


def _typed(value: Json, cond: Cond, op: Op) -> dict[str, Truth]:
    """Return the comparison by the only type of value that it can hold for."""
    if isinstance(cond.values[0], str):
        return {"string": _text(value, cond, op)}
    return {"number": _order(value, op, *map(_json, cond.values))}


def _untyped(value: Json, cond: Cond, op: Op) -> Truth:
    """Compare with any value; null where it cannot be compared."""
    if op in (Op.IS_TRUE, Op.IS_FALSE):
        return value == _json(op is Op.IS_TRUE)
    if op is Op.EQ:
        return value == _json(cond.values[0])
    return _among(value, cond.values)


def _text(value: Json, cond: Cond, op: Op) -> Truth:
    """Compare a text by code points, or look into it without the case of A to Z."""
    whole = _bare(value)
    texts = [str(one) for one in cond.values]
    if op is Op.BETWEEN or op in _SIGNS:
        return _order(whole, op, *map(literal, texts))
    sought: ColumnElement[Any] = cast(literal(texts[0]), Text)
    if not cond.case:
        whole, sought = func.lower(whole), func.lower(sought.collate("C"))
    if op is Op.CONTAINS:
        return func.strpos(whole, sought) > 0
    if op is Op.STARTS_WITH:
        return func.starts_with(whole, sought)
    return func.right(whole, func.length(sought)) == sought


def _among(value: Json, values: tuple[Scalar, ...]) -> Truth:
    """Tell whether a value is one of many, which Postgres looks up in a hash table."""
    listed = [_written(one) for one in values]
    array = cast(cast(literal(listed, ARRAY(Text)), ARRAY(Text)), ARRAY(JSONB))
    return value == func.any(array)


def _in_time(value: Json, cond: Cond, op: Op, as_of: datetime.datetime) -> Truth:
    """Tell whether a time is in a range, which has it read once."""
    low: ColumnElement[Any] = _at(times.EPOCH)
    high: ColumnElement[Any] = _END
    if op is Op.WITHIN:
        assert cond.within is not None, "the parser gave it"  # noqa: S101
        low, high = _at(windows.earlier(as_of, cond.within)), _at(as_of)
    elif op is Op.BEFORE:
        assert cond.time is not None, "the parser gave it"  # noqa: S101
        high = _at(cond.time)
    else:
        assert cond.time is not None, "the parser gave it"  # noqa: S101
        low = _at(cond.time)
    return _read(value).bool_op("<@")(func.tstzrange(low, high))


def _read(value: Json) -> ColumnElement[Any]:
    """Read a JSON value as a time, as `times.parse` does, of whatever year; null if it is none."""
    text = _bare(value)
    return case(
        {
            "string": case((text.regexp_match(_IS_TIME), _of_text(text))),
            "number": _of_number(value),
        },
        value=_type(value),
    )


def _of_text(text: ColumnElement[str]) -> ColumnElement[Any]:
    """Read a text that has the form of a time: its clock in UTC, its fraction, its offset."""
    clock = func.concat(
        func.left(text, _number_of(10)),
        literal_column("' '"),
        func.substr(text, _number_of(12), _number_of(8)),
        literal_column("'+00'"),
    )
    fraction = func.coalesce(func.substring(text, _FRACTION), literal_column("''"))
    micros = cast(func.rpad(fraction, _number_of(6), literal_column("'0'")), Integer)
    offset = func.right(text, _number_of(6))
    hours, minutes = (func.substr(offset, _number_of(one), _number_of(2)) for one in (2, 5))
    span = cast(hours, Integer) * _SIXTY + cast(minutes, Integer)
    ahead = case(
        {"Z": _NONE, "z": _NONE},
        value=func.right(text, _number_of(1)),
        else_=case((func.left(offset, _number_of(1)) == literal_column("'+'"), span), else_=-span),
    )
    seconds = cast(micros, Double) / _MILLION
    return _plus(cast(clock, TIMESTAMP(timezone=True)), _interval(minutes=-ahead, seconds=seconds))


def _interval(
    *, minutes: ColumnElement[Any] = _NONE, seconds: ColumnElement[Any]
) -> ColumnElement[Any]:
    return func.make_interval(_NONE, _NONE, _NONE, _NONE, _NONE, minutes, seconds)


def _plus(time: ColumnElement[Any], span: ColumnElement[Any]) -> ColumnElement[Any]:
    return time.op("+", return_type=TIMESTAMP(timezone=True))(span)


def _of_number(value: Json) -> ColumnElement[Any]:
    """Read seconds, or milliseconds of a larger number; whole seconds and the rest are exact."""
    number = cast(value, Numeric)
    unit = case((number < _MILLISECONDS_FROM, _MILLION), else_=_THOUSAND)
    micros = func.floor(number * unit)
    second = func.to_timestamp(cast(func.div(micros, _MILLION), Double))
    rest = cast(func.mod(micros, _MILLION), Double) / _MILLION
    good = and_(number >= _NONE, number < _END_MILLISECONDS)
    return case((good, _plus(second, _interval(seconds=rest))))


def _number_of(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer)


def _type(value: Json) -> ColumnElement[str]:
    return func.jsonb_typeof(value)


def _bare(value: Json) -> ColumnElement[str]:
    """Return the text of a JSON text, which compares by code points and folds A to Z alone."""
    bare = value.op("#>>", return_type=Text())(cast(literal_column("'{}'"), ARRAY(Text)))
    return bare.collate("C")


def _json(value: Scalar) -> ColumnElement[Any]:
    return cast(literal(_written(value)), JSONB)


def _written(value: Scalar) -> str:
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _number(value: Decimal) -> ColumnElement[Any]:
    return cast(literal(str(value)), Numeric)


def _at(time: datetime.datetime) -> ColumnElement[Any]:
    return cast(literal(time, TIMESTAMP(timezone=True)), TIMESTAMP(timezone=True))


def everything(parts: list[Truth]) -> Truth:
    return and_(true(), *parts)


def something(parts: list[Truth]) -> Truth:
    return or_(false(), *parts)
