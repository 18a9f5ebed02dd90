"""Receipts: all that is told of a load, while it goes on and afterwards."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway.core.cohorts import load
from gateway.core.cohorts.load import State

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

# The states in which a load still has its file.
OPEN: Final = (State.QUEUED, State.READING, State.NEEDS_APPROVAL, State.APPLYING)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """What became of the rows: those accepted, duplicate and rejected are all that were read."""

    read: int
    accepted: int
    duplicate: int
    rejected: int
    reasons: Mapping[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a load came to nothing, in words of the user's world, and what to do."""

    code: str
    message: str
    hint: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Receipt:
    """A load as it is shown."""

    cohort_id: int
    number: int
    definition_number: int | None
    trigger: str
    mode: str
    state: str
    approval: str | None
    rows: Rows
    progress: float | None
    would_enter: int | None
    would_exit: int | None
    entered: int | None
    exited: int | None
    warnings: Mapping[str, int]
    error: Problem | None
    file: Mapping[str, Any] | None
    columns: Sequence[str]
    last_seq: int | None
    requested_by: str | None
    queued_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None

    @property
    def id(self) -> str:
        """Its id."""
        return load.load_id(self.cohort_id, self.number)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.state not in OPEN

    @property
    def session_id(self) -> str:
        """The session of what it changes."""
        return load.session_id(self.cohort_id, self.number)
