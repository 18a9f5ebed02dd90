r"""The members of a page as the text that Postgres' COPY reads: one line each, ready to store.

A page is normalised once, at the border; from then on Python looks at nothing of a member but the
id. The columns are `COLUMNS`, in that order; `\N` is null. Of people to remove only ids are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

COLUMNS = ("member_id", "distinct_id", "email", "first_name", "last_name", "phone", "properties")

NULL = "\\N"
# What follows the id in the line of a member known by the id alone.
_NOTHING_ELSE = ("\t" + NULL).encode() * (len(COLUMNS) - 1) + b"\n"

# https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS, "Text Format"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_UNESCAPES = (("\\t", "\t"), ("\\n", "\n"), ("\\r", "\r"))
_SPECIAL = re.compile(r"[\\\t\n\r]")


def escape(value: str) -> str:
    """Write a text so that COPY reads it back unchanged."""
    return value if _SPECIAL.search(value) is None else value.translate(_ESCAPES)


def unescape(value: str) -> str:
    """Undo `escape`. Raises ValueError for what `escape` does not write."""
    # No text that Postgres can store has a zero byte, so one can stand for a backslash meanwhile.
    found = value.replace("\\\\", "\0")
    for escaped, character in _UNESCAPES:
        found = found.replace(escaped, character)
    if "\\" in found:
        message = "an escape that is not ours"
        raise ValueError(message)
    return found.replace("\0", "\\")


def shown(line: str) -> Mapping[str, Any]:
    """Read a member back from its line, as fields of Member: it is shown as it is stored."""
    cells = [None if cell == NULL else unescape(cell) for cell in line.split("\t")]
    member: dict[str, Any] = dict(zip(COLUMNS, cells, strict=True))
    return member | {"properties": json.loads(member["properties"] or "{}")}


def without_digests(
    text: bytes, digests: Container[bytes], *, bare: Container[bytes] = ()
) -> bytes:
    """Drop the lines of all ids with one of these digests (SHA-256).

    Of those in `bare` the id stays. The very same object comes back if that changes nothing.
    """

    def rest(line: bytes, one: bytes) -> bytes:
        digest = _digest(one)
        if digest not in digests:
            return line
        return one + _NOTHING_ELSE if digest in bare else b""

    return _changed(text, rest)


def without_ids(text: bytes, escaped: Container[bytes]) -> bytes:
    """Drop the lines of members with one of these ids, as they are written.

    The very same object comes back if there are none.
    """
    return _changed(text, lambda line, one: b"" if one in escaped else line)


def named(text: bytes, digests: Container[bytes]) -> list[str]:
    """Read the member ids that have one of these digests (SHA-256), in order."""
    return [_id(one).decode() for one in escaped_ids(text) if _digest(one) in digests]


def escaped_ids(text: bytes) -> Iterator[bytes]:
    """Read the ids as they are written, in order; equal ids are written alike."""
    return (one for _, _, one in _lines(text))


def member_ids(text: bytes) -> list[str]:
    """Read the member ids back, in order."""
    return [_id(one).decode() for one in escaped_ids(text)]


def _changed(text: bytes, rest: Callable[[bytes, bytes], bytes]) -> bytes:
    """Put what `rest` leaves of a line and its id in the line's place."""
    whole, kept, begin = memoryview(text), list[bytes | memoryview](), 0
    for start, end, one in _lines(text):
        line = text[start:end]
        left = rest(line, one)
        if left != line:
            kept += (whole[begin:start], left)
            begin = end
    return b"".join([*kept, whole[begin:]]) if kept else text


def _digest(escaped: bytes) -> bytes:
    return hashlib.sha256(_id(escaped)).digest()


def _lines(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Find where each line starts and ends, and the id as it is written."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start) + 1 or len(text)
        tab = text.find(b"\t", start, end)
        yield start, end, text[start : end if tab < 0 else tab]
        start = end


def _id(escaped: bytes) -> bytes:
    return unescape(escaped.decode()).encode() if b"\\" in escaped else escaped
