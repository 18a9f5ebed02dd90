r"""The members of a page as the text that Postgres' COPY reads: one line each, ready to store.

A page is normalised once, at the border; from then on Python looks at nothing of a member but the
id. The columns are `COLUMNS`, in that order; `\N` is null. Of people to remove only ids are kept.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

COLUMNS = ("member_id", "distinct_id", "email", "first_name", "last_name", "phone", "properties")

NULL = "\\N"

# https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS, "Text Format"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_UNESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPED = re.compile(r"\\(.)")


def escape(value: str) -> str:
    """Write a text so that COPY reads it back unchanged."""
    return value if _SPECIAL.search(value) is None else value.translate(_ESCAPES)


def unescape(value: str) -> str:
    """Undo `escape`."""
    return _ESCAPED.sub(lambda found: _UNESCAPES[found[1]], value)


def without(text: bytes, member_id: str) -> bytes:
    """Drop the lines of one member; the very same object comes back if there are none."""
    start = escape(member_id).encode() + b"\t"
    if not text.startswith(start) and b"\n" + start not in text:
        return text
    lines = text.split(b"\n")
    return b"\n".join(line for line in lines if not line.startswith(start))


def without_digests(text: bytes, digests: Container[bytes]) -> bytes:
    """Drop the lines of everybody whose id has one of these digests (SHA-256).

    The very same object comes back if there are none.
    """
    lines = text.split(b"\n")
    kept = [
        line
        for line in lines
        if not line or hashlib.sha256(_id(line.partition(b"\t")[0])).digest() not in digests
    ]
    return text if len(kept) == len(lines) else b"\n".join(kept)


def _id(escaped: bytes) -> bytes:
    return unescape(escaped.decode()).encode() if b"\\" in escaped else escaped


def without_any(text: bytes, member_ids: Iterable[str]) -> bytes:
    """Drop the lines of several members."""
    for member_id in member_ids:
        text = without(text, member_id)
    return text


def member_ids(text: bytes) -> list[str]:
    """Read the member ids back, in order."""
    return [unescape(line.split("\t", 1)[0]) for line in text.decode().split("\n") if line]
