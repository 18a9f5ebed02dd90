"""Actions that services take on members, each of which is to be taken once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

MAX_ACTIONS: Final = 1000
MAX_NAME_BYTES: Final = 255
MAX_CLAIM_CHARACTERS: Final = 255

Identity = tuple[int, str, str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Action:
    """An action as it was sent; `key` tells it from others of the same name on the same member."""

    member_id: str
    cohort_id: int | None
    source: str | None
    action: str
    key: str
    claim: str | None
    at: datetime.datetime
    properties: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rejected:
    """An action that cannot be recorded, and why."""

    code: str
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placed:
    """An action of a source that is there."""

    source_id: int
    sent: Action

    @property
    def identity(self) -> Identity:
        """What is once for ever."""
        return (self.source_id, self.sent.member_id, self.sent.action, self.sent.key)


def firsts(
    placed: Sequence[Placed], claims: Mapping[Identity, str | None], *, new: set[Identity]
) -> list[bool]:
    """Tell of each action whether it is the first: it is new here, or repeats the claim that was.

    `claims` are those of the actions that are recorded, of which some are `new`.
    """
    told, seen = list[bool](), set[Identity]()
    for one in placed:
        fresh = one.identity in new and one.identity not in seen
        seen.add(one.identity)
        claim = one.sent.claim
        told.append(fresh or (claim is not None and claims[one.identity] == claim))
    return told
