"""Loads: members that are read from somewhere into a cohort, once, and all of them or none."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.core.cohorts.page import Action

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from gateway.core.cohorts.member_ids import Skip

# A staged page has the delivery number -(session * 2^24 + page), so numbers of one session are
# adjacent, and below those of every delivery that can be at the head of an inbox.
_PAGES_OF_A_SESSION: Final = 1 << 24
MAX_PAGES: Final = _PAGES_OF_A_SESSION - 1


class Mode(enum.StrEnum):
    """What a load does with the members that it reads."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"

    @property
    def action(self) -> Action:
        """The action of its session: a replace is a refresh, the others are diffs."""
        return _ACTIONS[self]


class State(enum.StrEnum):
    """How far a load has come. Pages are added while it is READING, and can be seen afterwards.

    A load that is QUEUED or NEEDS_APPROVAL has its place in order, and waits.
    """

    QUEUED = "queued"
    READING = "reading"
    NEEDS_APPROVAL = "needs_approval"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"
    CANCELED = "canceled"
    SUPERSEDED = "superseded"


class Trigger(enum.StrEnum):
    """What a load was begun by."""

    UPLOAD = "upload"
    REQUEST = "request"
    SCHEDULE = "schedule"
    DEFINITION = "definition"


class Approval(enum.StrEnum):
    """Why a load waits for an approval: it was asked for, or the guard of its cohort held it."""

    REVIEW = "review"
    SHRINK = "shrink"


class Members(Protocol):
    """Members as a source hands them over, normalised: `page.Page` is such a value.

    `roster` has the usable members as lines of `member_rows.COLUMNS`, each id once, and `usable`
    counts them; `skipped` counts entries without a usable id by reason, `received` all entries.
    """

    @property
    def roster(self) -> bytes:
        """The lines of the usable members."""

    @property
    def usable(self) -> int:
        """How many lines that are."""

    @property
    def received(self) -> int:
        """How many entries were read."""

    @property
    def skipped(self) -> Mapping[str, int]:
        """How many entries had no usable id, by `member_ids.Skip`."""


class Refused(Protocol):
    """A row that is no member: its number, the reason, and its cells as they were read."""

    @property
    def row(self) -> int:
        """Its number."""

    @property
    def reason(self) -> Skip:
        """Why it is none."""

    @property
    def cells(self) -> Sequence[str]:
        """What it has in each column."""


class Rows(Members, Protocol):
    """Rows as a load reads them, with what its receipt tells: a batch of a file or of a query.

    `progress` tells how much has been read, from 0 to 1, or None where that is not known.
    """

    @property
    def duplicate(self) -> int:
        """How many rows have an id that a later row of the batch has."""

    @property
    def rejected(self) -> Sequence[Refused]:
        """The rows that are no members."""

    @property
    def warnings(self) -> Mapping[str, int]:
        """What is odd in the rows, counted by its code."""

    @property
    def sample(self) -> Sequence[Mapping[str, Any]]:
        """The first rows of all, as fields of Member."""

    @property
    def progress(self) -> float | None:
        """How much has been read."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """A load as it stands.

    `session` gives it its place in the order of sessions; `epoch` counts how often its reading
    began. `pages` were staged by the reading of that epoch, with `members` lines in them, made of
    `received` entries without the `skipped` ones. One that is `bare` names ids alone, and leaves
    the profiles of members as they are. One with `shrink_waived` is not held by a guard. Nothing
    of its cohort was to change at the version `same_at`; None if something was.
    """

    cohort_id: int
    number: int
    mode: Mode
    state: State
    session: int
    epoch: int
    pages: int
    members: int
    received: int
    skipped: Mapping[str, int]
    begun_at: datetime.datetime
    bare: bool
    shrink_waived: bool
    same_at: int | None


def load_id(cohort_id: int, number: int) -> str:
    """Name a load, as the API does."""
    return f"{cohort_id}-{number}"


def session_id(cohort_id: int, number: int) -> str:
    """Name the session of a load, as reports and changes show it."""
    return f"load-{load_id(cohort_id, number)}"


def staged_number(session: int, page: int) -> int:
    """Return the delivery number of a staged page; pages count from 1."""
    return -(session * _PAGES_OF_A_SESSION + page)


_ACTIONS: Final[Mapping[Mode, Action]] = {
    Mode.REPLACE: Action.REPLACE,
    Mode.ADD: Action.ADD,
    Mode.REMOVE: Action.REMOVE,
}
