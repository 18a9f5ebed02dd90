"""What the changes that are kept tell of an earlier moment."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """How far back the changes of a cohort go.

    `oldest_seq` is that of the oldest change kept, which was made `since`; None without any.
    """

    oldest_seq: int
    last_seq: int
    since: datetime.datetime | None

    def reaches(self, at: datetime.datetime, *, pruned_before: datetime.datetime) -> bool:
        """Tell whether every change after a moment is kept: none is pruned before its time."""
        if self.oldest_seq == 1 or at >= pruned_before:
            return True
        return self.since is not None and at >= self.since


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """A change of one member: an entry, or else an exit, and when it was."""

    entered: bool
    at: datetime.datetime


def was_member(
    steps: Sequence[Step], at: datetime.datetime, *, is_member: bool, reaches: bool
) -> bool | None:
    """Tell whether the id was a member at a moment, None if what is kept does not tell.

    `steps` are all of its changes that are kept, the newest first; `reaches` tells whether every
    change after the moment is among them.
    """
    before = next((one for one in steps if one.at <= at), None)
    if before is not None:
        return before.entered
    if not reaches:
        return None
    # Whatever came first after it was the other way round until then.
    return not steps[-1].entered if steps else is_member
