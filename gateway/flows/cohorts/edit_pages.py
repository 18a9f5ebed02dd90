"""What an edit is stored as: a session of its own, and a page for each half that has something."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts import edit as rules
from gateway.core.cohorts import kinds
from gateway.core.cohorts.page import Action, Arrival, Page
from gateway.errors import Fault
from gateway.flows.cohorts import lookup
from gateway.store.cohorts import accept, edits, inbox, sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.core.cohorts.edit import Edit, Half, Once
    from gateway.store.cohorts.accept import IntakeState
    from gateway.store.cohorts.sessions import Session
    from gateway.store.db.statement import Line, Pipeline

_NOT_A_LIST: Final = "the members of this cohort come from its source; only lists are edited"
_PAUSED: Final = "the source '{}' is paused; resume it, then send this again"
_REUSED: Final = "was sent with another body; send a new key with a new edit"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """An edit that is stored: its session, and the delivery before its first one.

    `after` is None for one that was stored before.
    """

    session: int
    session_id: str
    after: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """An edit as it was sent."""

    cohort_id: int
    edit: Edit
    once: Once | None
    arrival: Arrival

    @property
    def members(self) -> int:
        """How many usable ids it names."""
        return self.edit.add.usable + self.edit.remove.usable

    def pages(self) -> Sequence[tuple[Action, Half]]:
        """List what it is stored as."""
        return _halves(self.edit)


def store(trip: Pipeline, wanted: Wanted) -> Stored:
    """Store an edit, unless that was done before; raises what `open_list` does."""
    counters, before = open_list(trip, wanted)
    if before is not None:
        return before
    session, session_id = begin_session(trip, wanted, counters)
    if wanted.once is not None:
        edits.remember(trip, wanted.cohort_id, wanted.once, session.number, now=wanted.arrival.at)
    put(trip, wanted.cohort_id, counters, session.number, wanted.edit, wanted.arrival)
    return Stored(session=session.number, session_id=session_id, after=counters.last_delivery)


def open_list(trip: Pipeline, wanted: Wanted) -> tuple[IntakeState, Stored | None]:
    """Lock the counters of a list, and find what was stored with the key before.

    Raises errors.NotFound, errors.Conflict, and errors.KeyReused if that was something else.
    """
    cohort_id, once = wanted.cohort_id, wanted.once
    found = edits.open_cohort(trip, cohort_id, None if once is None else once.key)
    if found is None:
        raise errors.NotFound(lookup.NO_COHORT)
    if found.origin.kind != kinds.LIST:
        raise errors.Conflict(_NOT_A_LIST, code="not_a_list")
    if once is not None and found.before is not None:
        digest, session = found.before
        if digest != once.digest:
            raise errors.KeyReused([Fault("Idempotency-Key", _REUSED)])
        session_id = edits.result(trip.conn, cohort_id, session).session_id
        return found.counters, Stored(session=session, session_id=session_id, after=None)
    if found.origin.paused:
        raise errors.Conflict(_PAUSED.format(found.origin.slug), code="source_paused")
    return found.counters, None


def begin_session(trip: Pipeline, wanted: Wanted, counters: IntakeState) -> tuple[Session, str]:
    """Number the session of an edit; its place among erasures is also what its id has."""
    order = sessions.next_order(trip)
    session_id = rules.session_id(order)
    session = sessions.create(
        trip,
        wanted.cohort_id,
        counters.last_session + 1,
        session_id=session_id,
        session_key=None,
        now=wanted.arrival.at,
        order=order,
    )
    return session, session_id


def put(
    trip: Line,
    cohort_id: int,
    counters: IntakeState,
    session: int,
    edit: Edit,
    arrival: Arrival,
) -> None:
    """Store a page for each half that has something, or an empty one."""
    for action, half in _halves(edit):
        counters = counters.after(session, action)
        page, packed = page_of(action, half), inbox.pack(half.roster)
        accept.store(trip, cohort_id, counters, page=page, packed=packed, arrival=arrival)


def _halves(edit: Edit) -> Sequence[tuple[Action, Half]]:
    """List the halves that have something, or an empty one."""
    halves = [(Action.ADD, edit.add), (Action.REMOVE, edit.remove)]
    return [pair for pair in halves if not pair[1].is_empty] or halves[:1]


def page_of(action: Action, half: Half) -> Page:
    """Make the page of a half."""
    return Page(
        project_id="",
        external_id="",
        name=None,
        description=None,
        session_id=None,
        action=action,
        number=1,
        total=1,
        digest=rules.DIGEST,
        received=half.usable + sum(half.skipped.values()),
        roster=half.roster,
        usable=half.usable,
        skipped=half.skipped,
    )
