"""The guard of a cohort: how far a replace may shrink it before an operator has to approve."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway.core.cohorts import kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

SHRINK_PERCENT: Final = 50
FROM_MEMBERS: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guard:
    """Of a cohort with `from_members` or more, at most `shrink_percent` may leave unasked."""

    shrink_percent: float = SHRINK_PERCENT
    from_members: int = FROM_MEMBERS

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Guard | None:
        """Read what is kept; None is off."""
        return None if kept is None else cls(**kept)


def default(kind: str) -> Guard | None:
    """Return the guard of a new cohort: Mixpanel's full syncs are taken as they come."""
    return None if kind == kinds.MIXPANEL else Guard()
