"""The work of one step of applying: the transaction it has, and what came of it."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, TypeAlias

from gateway.store.cohorts import delta

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from gateway.store.cohorts.apply_state import ApplyState
    from gateway.store.cohorts.attempts import Attempt
    from gateway.store.cohorts.inbox import Entry
    from gateway.store.db.statement import Pipeline


StepBegin: TypeAlias = "Callable[[int], Attempt]"


class Outcome(enum.Enum):
    """How a step ended."""

    WORKED = enum.auto()
    NOTHING_TO_DO = enum.auto()
    WAITING = enum.auto()
    BUSY = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Applied:
    """What a step did, once it is committed: from which delivery to which, and with what effect.

    `expects` tells whether pages of the same sync are still to come.
    """

    first_delivery: int
    last_delivery: int
    pages: int
    entered: int
    exited: int
    expects: bool

    def facts(self) -> dict[str, int]:
        """What is told of it, in the log and in traces."""
        return {
            "first_delivery": self.first_delivery,
            "last_delivery": self.last_delivery,
            "pages": self.pages,
            "entered": self.entered,
            "exited": self.exited,
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepContext:
    """One step's transaction: its pipeline, cohort, locked state, time, and effect.

    `tried` gets the delivery that the step begins with, to explain a failure.
    `begin` commits, elsewhere, that deliveries up to a number are about to be worked on.
    """

    trip: Pipeline
    cohort_id: int
    state: ApplyState
    now: datetime.datetime
    begin: StepBegin
    tried: list[int] = dataclasses.field(default_factory=list)
    done: list[Applied] = dataclasses.field(default_factory=list)

    @property
    def conn(self) -> Connection:
        """The connection, with everything done that was only left to be done."""
        return self.trip.conn

    def touch(self, session: int) -> delta.WriteContext:
        """Say for the delta which session's pages these are."""
        return delta.WriteContext(
            cohort_id=self.cohort_id, session=session, floor=self.state.floor, at=self.now
        )

    def after(self, written: delta.Written) -> StepContext:
        """Return the work that goes on in the same transaction once some is written."""
        state = dataclasses.replace(
            self.state, last_change=self.state.last_change + written.entered + written.exited
        )
        return dataclasses.replace(self, state=state)

    def note(self, run: Sequence[Entry], written: delta.Written, *, expects: bool) -> None:
        """Remember what was done, to be told once it is committed."""
        self.done.append(
            Applied(
                first_delivery=run[0].number,
                last_delivery=run[-1].number,
                pages=len(run),
                entered=written.entered,
                exited=written.exited,
                expects=expects,
            )
        )
