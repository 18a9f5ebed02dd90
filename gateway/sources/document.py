"""Bytes to JSON values and back, without the traps of either parser.

orjson is quick but turns integers beyond 64 bits into floats and refuses NaN, lone surrogates and
deep nesting; the standard library's json takes all of these. Each is used where it is right.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import orjson

from gateway import errors
from gateway.core import texts

MAX_DEPTH = 500

_BOM = b"\xef\xbb\xbf"
# Every digit as 0 and everything else as a space: finding 19 of them is then a plain search, ten
# times as quick as the regular expression \d{19}.
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19


def parse(raw: bytes) -> Any:  # noqa: ANN401 - a JSON value is any of Python's plain values
    """Parse a complete body. Raises errors.Malformed if it is not JSON in UTF-8."""
    raw = raw.removeprefix(_BOM)
    if _LONG_NUMBER not in raw.translate(_DIGITS):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            return _parse_slowly(raw)  # which decides, and words the error
    return _parse_slowly(raw)


def _parse_slowly(raw: bytes) -> Any:  # noqa: ANN401
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8 (byte {error.start}); send JSON encoded as UTF-8"
        raise errors.Malformed(message) from error
    except json.JSONDecodeError as error:
        message = f"the body is not JSON ({error.msg} at character {error.pos}); send a JSON object"
        raise errors.Malformed(message) from error
    except RecursionError as error:
        raise errors.Malformed(_TOO_DEEP) from error
    except ValueError as error:  # https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
        message = "the body has an integer of more than 4,300 digits; send long ids as text"
        raise errors.Malformed(message) from error


def canonical(value: Any) -> bytes:  # noqa: ANN401
    """Write a JSON value so that equal values give equal bytes: keys sorted, no spacing.

    Raises errors.Malformed if it is nested deeper than `MAX_DEPTH`.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # beyond 64 bits, a lone surrogate, or deeper than orjson writes
        refuse_depth(value)
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def refuse_depth(value: Any) -> None:  # noqa: ANN401
    """Raise errors.Malformed if a value is nested deeper than `MAX_DEPTH` levels."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    raise errors.Malformed(_TOO_DEEP)


def _children(value: Any) -> list[Any]:  # noqa: ANN401
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, dict | list)]


def storable_json(value: dict[str, Any], *, clean: bool) -> str:
    """Write an object as JSON that jsonb takes: no NUL, no lone surrogate, no NaN, no infinity.

    `clean` promises that no text in it has a backslash or a control character.
    """
    with contextlib.suppress(TypeError):
        written = orjson.dumps(value)  # writes NaN and infinities as null
        if clean or b"\\u0000" not in written:
            return written.decode()
    return json.dumps(_storable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _storable(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return texts.storable(value)
    if isinstance(value, dict):
        return {texts.storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    if isinstance(value, float) and (value != value or value in (_INFINITY, -_INFINITY)):
        return None
    return value


_INFINITY = float("inf")
_TOO_DEEP = f"the body is nested deeper than {MAX_DEPTH} levels; flatten it"
