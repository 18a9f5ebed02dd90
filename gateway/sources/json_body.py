"""Bytes to JSON values and back, without the traps of either parser.

orjson is quick but turns integers beyond 64 bits into floats and refuses NaN, lone surrogates and
deep nesting; the standard library's json takes all of these. Each is used where it is right.
"""

from __future__ import annotations

import contextlib
import dataclasses
import decimal
import itertools
import json
import math
import re
from typing import TYPE_CHECKING, Any

import orjson

from gateway import errors
from gateway.core import texts

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 500
# What Python itself reads; see "Integer string conversion length limitation" in its documentation.
MAX_DIGITS = 4300
# 16 MiB are reached first by whatever spends 8 bytes a value, as a name of two letters and a digit
# do. Without it, a body of `[],[],…` takes seconds to read, and gigabytes if several come at once.
MAX_VALUES = 2_000_000

_BOM = b"\xef\xbb\xbf"
# Every digit as 0, what a number can come after as a comma, everything else as a space: finding one
# of 19 digits is then a plain search, ten times as quick as a regular expression.
_NUMBERS = bytes(
    ord("0" if chr(byte) in "0123456789" else "," if chr(byte) in "-:,[ \t\n\r" else " ")
    for byte in range(256)
)
_LONG_NUMBER = b"0" * 19

_NOT_BRACKETS = bytes(byte for byte in range(256) if chr(byte) not in "[]{}")
_BEFORE_VALUES = (b",", b"[", b"{")
_NOT_COUNTED = bytes(byte for byte in range(256) if chr(byte) not in ',[{"')
_PIECE_BYTES = 64 * 1024

# A page of members with plain properties is four deep.
_SHALLOW = 12

# A text that never ends is one token too, and nothing is tried twice (`*+`): otherwise each quote
# in it would be looked at as the beginning of a text to the end of the body. What is before a token
# belongs to the match: to skip it is ten times as quick as to search for the next token.
_TOKEN = re.compile(r'[^"\[\]{}]*+("[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]+|[\]}]+)', re.DOTALL)
_MOST_TOKENS = 1_000_000

# An escape of anything but a slash or a character that texts may also hold as it is.
_ODD_ESCAPE = re.compile(rb"\\(?!/|u(?!00[01]|0022|005[cC]|[dD][89a-fA-F]))")

# How orjson writes a float of 1e16 or more; in a text it does no harm.
_LARGE_FLOAT = re.compile(rb"e\+?[1-9]\d")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a body holds, as far as it could be read, and why it cannot be taken, if so."""

    value: object = None
    problem: errors.Malformed | None = None


def parse(raw: bytes, *, max_values: int = MAX_VALUES) -> Parsed:
    """Parse a complete body, unless it has more values than a request of its kind can need."""
    raw = raw.removeprefix(_BOM)
    if _has_too_many_values(raw, max_values):
        message = f"the body has more than {max_values} values; send fewer at once"
        return _refused(message, _top_level_texts(raw.decode("utf-8", "replace")))
    if _may_have_long_number(raw):
        return _parse_slowly(raw)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _parse_slowly(raw)  # which decides, and words the error
    return _checked(raw, value)


def infinite(_digits: str) -> decimal.Decimal:
    """Take an integer that is too long for an infinity, which nothing stores."""
    return decimal.Decimal("Infinity")


def parse_exactly(raw: bytes, *, too_long: Callable[[str], object] = infinite) -> object:
    """Parse a complete body with every number as it was written: integers, and Decimals.

    NaN and infinities are null; `too_long` reads integers of more than `MAX_DIGITS` digits, so that
    what holds one can be refused by itself. Raises errors.Malformed.
    """
    raw = raw.removeprefix(_BOM)
    if _has_too_many_values(raw, MAX_VALUES):
        raise errors.Malformed(f"the body has more than {MAX_VALUES} values; send fewer at once")

    def integer(written: str) -> object:
        return too_long(written) if len(written.lstrip("-")) > MAX_DIGITS else int(written)

    parsed = _parse_with_json(
        raw, parse_int=integer, parse_float=_decimal, parse_constant=lambda _: None
    )
    if parsed.problem is not None:
        raise parsed.problem
    return parsed.value


def _decimal(written: str) -> decimal.Decimal:
    """Read a number; one beyond what Decimal can name is an infinity, which nothing stores."""
    try:
        return decimal.Decimal(written)
    except decimal.InvalidOperation:
        return decimal.Decimal("Infinity")


def _may_have_long_number(raw: bytes) -> bool:
    numbers = raw.translate(_NUMBERS)
    return b"," + _LONG_NUMBER in numbers or numbers.startswith(_LONG_NUMBER)


def _parse_slowly(raw: bytes) -> Parsed:
    return _parse_with_json(raw)


def _parse_with_json(
    raw: bytes,
    *,
    parse_int: Callable[[str], object] | None = None,
    parse_float: Callable[[str], object] | None = None,
    parse_constant: Callable[[str], object] | None = None,
) -> Parsed:
    long_numbers: list[str] = []

    def whole(digits: str) -> int:
        if len(digits.lstrip("-")) <= MAX_DIGITS:
            return int(digits)
        long_numbers.append(digits)
        return 0

    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_int=parse_int or whole,
            parse_float=parse_float,
            parse_constant=parse_constant,
        )
    except UnicodeDecodeError as error:
        return _refused(f"the body is not UTF-8 (byte {error.start}); send JSON encoded as UTF-8")
    except json.JSONDecodeError as error:
        where = f"{error.msg} at character {error.pos}"
        return _refused(f"the body is not JSON ({where}); send a JSON object")
    except RecursionError:
        return _refused(_TOO_DEEP, _top_level_texts(raw.decode("utf-8")))
    if long_numbers:
        message = f"the body has an integer of more than {MAX_DIGITS} digits; send long ids as text"
        return _refused(message, value)
    return _checked(raw, value)


def _has_too_many_values(raw: bytes, most: int) -> bool:
    """Tell whether there are more values than are taken; what texts hold does not count."""
    if len(raw) <= most or sum(map(raw.count, _BEFORE_VALUES)) < most:
        return False
    return _count_values(raw) > most


def _count_values(raw: bytes) -> int:
    """Count what begins or separates values outside of texts; piece by piece to spare memory."""
    bare = raw.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, delete=_NOT_COUNTED)
    values, in_text = 1, 0
    for start in range(0, len(bare), _PIECE_BYTES):
        parts = bare[start : start + _PIECE_BYTES].split(b'"')
        values += sum(map(len, parts[in_text::2]))
        in_text = (in_text + len(parts) - 1) % 2
    return values


def _top_level_texts(body: str) -> dict[str, str]:
    """Read the texts right in the outer object of a body that is too much for a parser."""
    found: dict[str, str] = {}
    depth, before = 0, None
    for token in itertools.islice(_TOKEN.finditer(body), _MOST_TOKENS):
        if token[1][0] in "[{":
            depth += len(token[1])
        elif token[1][0] in "]}":
            depth -= len(token[1])
        elif depth == 1:
            if before is not None and body[before.end() : token.start(1)].strip() == ":":
                with contextlib.suppress(ValueError):  # then it is no JSON anyway
                    found[json.loads(before[1])] = json.loads(token[1])
            before = token
    return found


def _refused(message: str, value: object = None) -> Parsed:
    return Parsed(value=value, problem=errors.Malformed(message))


def _checked(raw: bytes, value: object) -> Parsed:
    """Hold a value to the depth limit; only a body that looks deep is walked through."""
    if _looks_deep(raw) and _depth_exceeds(value, MAX_DEPTH):
        return _refused(_TOO_DEEP, value)
    return Parsed(value=value)


def _looks_deep(raw: bytes) -> bool:
    """Tell whether brackets may be nested deeper than a few levels; those in texts count too."""
    brackets = raw.translate(None, delete=_NOT_BRACKETS)
    for _ in range(_SHALLOW):
        if not brackets:
            return False
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return bool(brackets)


def _depth_exceeds(value: object, limit: int) -> bool:
    level: list[Any] = [[value]]
    for _ in range(limit + 1):
        inner = itertools.chain.from_iterable(
            one.values() if type(one) is dict else one for one in level
        )
        level = [one for one in inner if type(one) is list or type(one) is dict]
        if not level:
            return False
    return True


def canonical(value: object) -> bytes:
    """Write a JSON value so that equal values give equal bytes: keys sorted, no spacing.

    An integer and a float are never equal, 1 and 1.0 neither; NaN may be equal to null. Raises
    errors.Malformed if the value is deeper than `MAX_DEPTH`, which texts full of brackets can hide
    from `parse`.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # beyond 64 bits, a lone surrogate, or deeper than orjson writes
        if _depth_exceeds(value, MAX_DEPTH):
            raise errors.Malformed(_TOO_DEEP) from None
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def is_clean(raw: bytes) -> bool:
    """Tell at a glance that the texts in a JSON body are clean; False decides nothing.

    None of them has a quote, a backslash, half a surrogate pair, or a character below U+0020.
    """
    return b"\\" not in raw or _ODD_ESCAPE.search(raw) is None


def storable_json(value: object, *, clean: bool) -> str:
    """Write a value as JSON that jsonb takes: no NUL, no lone surrogate, no NaN, no infinity.

    `clean` promises that its texts are clean, see `is_clean`. Floats from 1e16 on are written out:
    jsonb fills up the digits after the shortest ones that name a float with zeros, and would give
    back another number.
    """
    try:
        written = orjson.dumps(value)  # writes NaN and infinities as null
    except TypeError:  # beyond 64 bits, a lone surrogate, or deeper than orjson writes
        return _storable_json(value)
    if (clean or b"\\u0000" not in written) and _LARGE_FLOAT.search(written) is None:
        return written.decode()
    return _storable_json(value)


def _storable_json(value: object) -> str:
    return json.dumps(_storable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _storable(value: object) -> object:
    if isinstance(value, str):
        return texts.storable(value)
    if isinstance(value, dict):
        # Loops, because in Python 3.11 comprehensions would double the depth of the stack.
        fields: dict[str, object] = {}
        for name, inner in value.items():
            fields[texts.storable(name)] = _storable(inner)
        return fields
    if isinstance(value, list):
        items: list[object] = []
        for inner in value:
            items.append(_storable(inner))  # noqa: PERF401 - see above
        return items
    if isinstance(value, float):
        return _storable_float(value)
    return value


def _storable_float(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if abs(value) >= _LARGE else value


_LARGE = 1e16
_TOO_DEEP = f"the body is nested deeper than {MAX_DEPTH} levels; flatten it"
