"""Parts of lists: as many rows as were asked for, or fewer where those are too many bytes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What an answer weighs at most, and what of it the rows of a list may take.
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
MAX_ROWS_BYTES: Final = MAX_ANSWER_BYTES - 64 * 1024

T = TypeVar("T")
P = TypeVar("P")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListPage(Generic[T, P]):
    """A part of a list, and whether there is more of it; a row knows its `position`."""

    items: Sequence[T]
    more: bool
    position: Callable[[T], P]

    @classmethod
    def cut(cls, found: Sequence[T], limit: int, position: Callable[[T], P]) -> ListPage[T, P]:
        """Cut a part from what was found with one too many, to see whether there is more."""
        return cls(items=found[:limit], more=len(found) > limit, position=position)

    @property
    def end(self) -> P | None:
        """Where the next part begins, None if this was the last."""
        return self.position(self.items[-1]) if self.more else None

    def first(self, count: int) -> ListPage[T, P]:
        """Return the part that has no more than the first `count` of these rows."""
        more = self.more or len(self.items) > count
        return ListPage(items=self.items[:count], more=more, position=self.position)
