"""Whether a load has to wait for an approval, told from what it would do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.core.cohorts.load import Approval, Mode

if TYPE_CHECKING:
    from gateway.core.cohorts.guard import Guard


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effect:
    """What a load that has read so many rows would do to a cohort of so many members."""

    read: int
    members: int
    leaving: int


def needed(mode: Mode, guard: Guard | None, effect: Effect, *, review: bool) -> Approval | None:
    """Say why a load waits, None if it does not; that it shrinks a cohort is told before review."""
    if mode is Mode.REPLACE and guard is not None and shrinks(guard, effect):
        return Approval.SHRINK
    return Approval.REVIEW if review else None


def shrinks(guard: Guard, effect: Effect) -> bool:
    """Tell whether a replace takes out more than its guard lets pass."""
    if effect.read == 0:
        return effect.members > 0
    most = effect.members * guard.shrink_percent
    return effect.members >= guard.from_members and effect.leaving * 100 > most
