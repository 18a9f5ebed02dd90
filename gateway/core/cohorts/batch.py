"""The people of adjacent pages taken together: one line of a roster for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.cohorts import member_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TABS = len(member_rows.COLUMNS) - 1


def merge(rosters: Iterable[bytes]) -> dict[str, bytes]:
    """Find each member's line by the id; of several for one member the last one counts.

    Raises errors.Poison if a roster is damaged, as far as it is looked at here: what else is wrong
    with a line, COPY says.
    """
    found: dict[str, bytes] = {}
    for text in rosters:
        lines = _lines(text)
        found.update(zip(_ids(lines), lines, strict=True))
    return found


def _lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    beyond = lines.pop()
    if beyond or b"\x00" in text or text.count(b"\t") != _TABS * len(lines):
        raise errors.Poison(_DAMAGED, sqlstate="22P04")
    return lines


def _ids(lines: Sequence[bytes]) -> list[str]:
    ends = [line.find(b"\t") for line in lines]
    if -1 in ends:
        raise errors.Poison(_DAMAGED, sqlstate="22P04")
    ids = b"\n".join([line[:end] for line, end in zip(lines, ends, strict=True)])
    try:
        written = ids.decode()
    except UnicodeDecodeError as error:
        raise errors.Poison(_DAMAGED, sqlstate="22021") from error
    found = written.split("\n") if lines else []
    return list(map(_unescape, found)) if "\\" in written else found


def _unescape(member_id: str) -> str:
    if member_id == member_rows.NULL:
        raise errors.Poison(_DAMAGED, sqlstate="23502")
    try:
        return member_rows.unescape(member_id)
    except ValueError as error:
        raise errors.Poison(_DAMAGED, sqlstate="22P04") from error


_DAMAGED = "the stored page is damaged: it is not made of members' lines"
