"""Which cells can be the ids of members, and why the others cannot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gateway.core.cohorts import member_ids
from gateway.core.cohorts.member_ids import Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

# How a spreadsheet writes a number that has more digits than it keeps.
_DAMAGED: Final = re.compile(r"-?[1-9](?:[.,]\d+)?[eE]\+\d{2,3}")


class LossyNumber(str):
    """The digits of a number in a spreadsheet that has more of them than spreadsheets keep."""

    __slots__ = ()


def are_surely_usable(cells: Sequence[str]) -> bool:
    """Tell at a glance that every cell can be an id as it is; False decides nothing."""
    return member_ids.are_surely_usable(cells) and "+" not in "".join(cells)


def why_unusable(cell: str) -> Skip | None:
    """Say why a cell cannot be an id, or None if it can."""
    if not cell:
        return Skip.MISSING_ID
    if type(cell) is LossyNumber or _DAMAGED.fullmatch(cell):
        return Skip.DAMAGED_NUMBER
    return member_ids.why_unusable(cell)


def has_outer_blanks(cell: str) -> bool:
    """Tell whether an id begins or ends with white space, which belongs to it."""
    return cell != cell.strip(member_ids.WHITE_SPACE)
