"""Bodies that nobody should send, made from bodies that somebody does."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).resolve().parent.parent / "data"

# Planted as a member's value: no message may repeat it.
CANARY: Final = "zqxcanary"

MOST_BYTES: Final = 64 * 1024
_MOST_OPERATIONS: Final = 6

_TOKENS: Final = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b'\\"', b"\\\\", b"\\u0000", b"\\ud800"),
    *(b"\\udc00\\ud800", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"0.1e-400"),
    *(b"9" * 19, b"9" * 4300, b"9" * 4301, b"1" * 40, b"[" * 300, b"{" * 3, b'{"a":' * 250),
    *(b"[" * 250 + b"]" * 250, b"[" * 600 + b"]" * 600, b'["]",' * 200, b"\0", b"\xff", b"\xc0"),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\r\n", b"\t", b" " * 50),
    *(b'"members"', b'"add_members"', b'"action"', b'"parameters"', b'"page_info"'),
    *(b'"mixpanel_cohort_id"', b'"mixpanel_session_id"', b'"mixpanel_distinct_id"', b'"email"'),
    b'"' + CANARY.encode() + b'"',
)

_NAMES: Final = (
    *("action", "parameters", "members", "page_info", "total_pages", "page_count", "email", ""),
    *("mixpanel_project_id", "mixpanel_cohort_id", "mixpanel_session_id", "mixpanel_cohort_name"),
    *("mixpanel_distinct_id", "$distinct_id", "distinct_id", "$email", "phone", "\0", "\ud800"),
)

_VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**70), 10**254, 10**255),
    *(0.0, -0.0, 1.0, 1.5, 1e16, 1e300, float("nan"), float("inf"), 5e-324),
    *("", " ", "\u3000", "0", "1", "01", "-1", "1.0", "9" * 400, "\u0661", "a\0b", "\ud800"),
    *("members", "add_members", "remove_members", "x" * 256, "\u20ac" * 342, "\t\n\r\\", "\\N"),
    *("\\.", "\U0001f600", "e\u0301", CANARY, [], {}, [[]], [{}], {"": []}, [CANARY] * 60),
)


def corpus() -> list[bytes]:
    """Read the samples of good and of hostile bodies."""
    paths = sorted([*DATA.glob("mixpanel/*"), *DATA.glob("hostile/*")])
    found = [path.read_bytes() for path in paths]
    return [raw for raw in found if len(raw) <= MOST_BYTES]


def mutated(chance: random.Random, samples: Sequence[bytes]) -> tuple[bytes, str]:
    """Make a body and its Content-Encoding."""
    raw = chance.choice(samples)
    if chance.random() < 0.8:
        raw = _altered_json(chance, raw)
    if chance.random() < 0.3:
        raw = altered(chance, raw, samples)
    if chance.random() < 0.05:
        packed = gzip.compress(raw, chance.choice((0, 1, 9)), mtime=0)
        raw = packed if chance.random() < 0.5 else altered(chance, packed, samples)
        return raw[:MOST_BYTES], "gzip"
    return raw[:MOST_BYTES], chance.choice(("",) * 50 + ("identity", "br"))


def altered(chance: random.Random, raw: bytes, samples: Sequence[bytes]) -> bytes:
    """Change a few places of what is no longer looked at as JSON."""
    buffer = bytearray(raw)
    for _ in range(chance.randint(1, _MOST_OPERATIONS)):
        start = chance.randint(0, len(buffer))
        end = min(len(buffer), start + chance.choice((0, 1, 2, 8, 64, 1024)))
        match chance.randrange(7):
            case 0:
                buffer[start:end] = b""
            case 1:
                buffer[start:end] = buffer[start:end] * chance.choice((2, 3, 50))
            case 2:
                buffer[start:end] = chance.randbytes(chance.randint(1, 8))
            case 3:
                other = chance.choice(samples)
                at = chance.randint(0, len(other))
                buffer[start:end] = other[at : at + chance.choice((4, 64, 4096))]
            case 4 if buffer:
                buffer[start % len(buffer)] ^= 1 << chance.randrange(8)
            case 5:
                del buffer[start:]
            case _:
                buffer[start:end] = chance.choice(_TOKENS)
    return bytes(buffer)


def _altered_json(chance: random.Random, raw: bytes) -> bytes:
    """Change some of the values of a body that is JSON, and write it in some way."""
    try:
        value = json.loads(raw)
        for _ in range(chance.randint(0, _MOST_OPERATIONS)):
            _alter_one(chance, value)
        written = json.dumps(
            value,
            ensure_ascii=chance.random() < 0.5,
            separators=chance.choice(((",", ":"), (", ", ": "), ("\n,\t", "\r\n: "))),
            sort_keys=chance.random() < 0.2,
        )
    except (ValueError, RecursionError):
        return raw
    return written.encode("utf-8", chance.choice(("replace",) * 9 + ("surrogatepass",)))


def _alter_one(chance: random.Random, value: object) -> None:
    """Walk down a random path, and change what is at its end."""
    for _ in range(chance.randint(1, 12)):
        names = list(value) if isinstance(value, dict) else []
        places = range(len(value)) if isinstance(value, list) else ()
        name = chance.choice(names) if names else None
        at = chance.choice(places) if places else 0
        inner = (
            value[name]
            if isinstance(value, dict) and names
            else value[at]
            if isinstance(value, list) and places
            else None
        )
        if inner and isinstance(inner, dict | list) and chance.random() < 0.93:
            value = inner
            continue
        if isinstance(value, dict):
            _alter_object(chance, value, name)
        elif isinstance(value, list):
            _alter_list(chance, value, at)
        return


def _alter_object(chance: random.Random, value: dict[str, object], name: str | None) -> None:
    if name is not None and chance.random() < 0.3:
        old = value.pop(name)
        if chance.random() < 0.5:
            value[chance.choice(_NAMES)] = old
    else:
        value[name if name and chance.random() < 0.7 else chance.choice(_NAMES)] = _any(chance)


def _alter_list(chance: random.Random, value: list[object], at: int) -> None:
    if chance.random() < 0.5:
        value.insert(at, _any(chance))
    else:
        value[at : at + 1] = [_any(chance), *value[at : at + 1]] * chance.choice((0, 1, 2, 20))


def _any(chance: random.Random) -> object:
    found = copy.deepcopy(chance.choice(_VALUES))
    for _ in range(chance.choice((0,) * 20 + (1, 3, 100, 251, 490, 500))):
        found = [found] if chance.random() < 0.5 else {chance.choice(_NAMES): found}
    if chance.random() < 0.3:
        member_id = copy.deepcopy(chance.choice(_VALUES))
        return {chance.choice(_NAMES): found, "mixpanel_distinct_id": member_id}
    return found
