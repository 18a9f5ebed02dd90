"""What was understood of a block of rows: ids, their lines, and rejected rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.core.cohorts.member_ids import Skip


@dataclasses.dataclass(frozen=True)
class Rejected:
    """A row that is no member: its number, the reason, and its cells as they were read."""

    row: int
    reason: Skip
    cells: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read:
    """Rows as they were understood: ids, lines in the form of `member_rows`, and rejected rows.

    There is a line for each id, in the same order; an id may come several times.
    """

    ids: Sequence[str]
    text: str
    rejected: Sequence[Rejected] = ()
    outer_blanks: int = 0
    progress: float


class Content(Protocol):
    """What a file holds, once its columns are known."""

    def read(self) -> Iterator[Read]:
        """Read all of it, from the start, in constant memory. Raises errors.ReadFailed."""
