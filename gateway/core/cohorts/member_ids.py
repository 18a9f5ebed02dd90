"""Which texts may be the ids of members, and why others may not."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from gateway.core import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_MEMBER_ID_BYTES = 1024

# The characters with the Unicode property White_Space; str.isspace() counts four controls more.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


class Skip(enum.StrEnum):
    """Why an entry of a page, or a row of a file, is no member."""

    NOT_AN_OBJECT = "not_an_object"
    MISSING_ID = "missing_id"
    WRONG_TYPE = "wrong_type"
    BLANK_ID = "blank_id"
    TOO_LONG = "too_long"
    BAD_TEXT = "bad_text"
    TOO_MANY_CELLS = "too_many_cells"
    DAMAGED_NUMBER = "damaged_number"


def are_surely_usable(member_ids: Sequence[str]) -> bool:
    """Tell at a glance that every text can be a member's id; False decides nothing."""
    everything, lengths = "".join(member_ids), set(map(len, member_ids))
    longest = MAX_MEMBER_ID_BYTES if everything.isascii() else MAX_MEMBER_ID_BYTES // 4
    return (
        everything.isprintable()
        and " " not in everything
        and 0 not in lengths
        and max(lengths) <= longest
    )


def why_unusable(member_id: str) -> Skip | None:
    """Say why a text cannot be a member's id, or None if it can."""
    if not member_id.strip(WHITE_SPACE):
        return Skip.BLANK_ID
    if not texts.is_storable(member_id):
        return Skip.BAD_TEXT
    if len(member_id) > MAX_MEMBER_ID_BYTES // 4 and len(member_id.encode()) > MAX_MEMBER_ID_BYTES:
        return Skip.TOO_LONG
    return None
