"""The people of adjacent pages taken together: one line of a roster for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors
from gateway.core import roster

if TYPE_CHECKING:
    from collections.abc import Iterable

_TABS = len(roster.COLUMNS) - 1


def merge(rosters: Iterable[bytes]) -> dict[str, str]:
    """Find each member's line by the id; of several for one member the last one counts.

    Raises errors.Poison if a roster is damaged, as far as it is looked at here.
    """
    found: dict[str, str] = {}
    for text in rosters:
        lines = _lines(text)
        ids = [line.partition("\t")[0] for line in lines]
        if "\\" in "".join(ids):
            ids = list(map(_unescape, ids))
        found.update(zip(ids, lines, strict=True))
    return found


def _lines(text: bytes) -> list[str]:
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError as error:
        raise errors.Poison(_DAMAGED, sqlstate="22021") from error
    beyond = lines.pop()
    if beyond or b"\x00" in text or text.count(b"\t") != _TABS * len(lines):
        raise errors.Poison(_DAMAGED, sqlstate="22P04")
    return lines


def _unescape(member_id: str) -> str:
    if member_id == roster.NULL:
        raise errors.Poison(_DAMAGED, sqlstate="23502")
    try:
        return roster.unescape(member_id)
    except KeyError as error:
        raise errors.Poison(_DAMAGED, sqlstate="22P04") from error


_DAMAGED = "the stored page is damaged: it is not made of members' lines"
