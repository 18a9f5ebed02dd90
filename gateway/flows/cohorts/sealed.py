"""Sealed sessions: what a whole load does, or would do, to its cohort."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.cohorts import load as rules
from gateway.core.cohorts import precedence
from gateway.flows.cohorts import erased, rosters
from gateway.store.cohorts import delta, loads, sealed

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Load
    from gateway.flows.cohorts.work import StepContext
    from gateway.store.cohorts.delta import Counts, WriteContext, Written
    from gateway.store.cohorts.inbox import Entry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a load would write, and how many of its rows have the id of a later row.

    It `is_same` if nothing would be written, not even what no reader sees.
    """

    written: Written
    repeated: int
    is_same: bool


def find(work: StepContext, entry: Entry, number: int) -> tuple[Load, Counts]:
    """Find what a load does to its locked cohort; its session is not below the floor.

    Raises errors.Poison unless every page of it is there: it is applied as a whole or not at all.
    One that was found to change nothing of this version of the cohort is not read again.
    """
    load = loads.get(work.trip, work.cohort_id, number)
    if load is None:
        raise errors.Poison(_INCOMPLETE, sqlstate="XX001")
    if load.same_at == work.state.version:
        return load, {}
    return load, _find(work.conn, load, work.touch(entry.session))


def write(work: StepContext, entry: Entry, counts: Counts) -> Written:
    """Write what was found."""
    touch, last_change = work.touch(entry.session), work.state.last_change
    return sealed.write(work.conn, touch, entry.action, counts, last_change=last_change)


def compare(conn: Connection, load: Load, *, floor: int, now: datetime.datetime) -> Comparison:
    """Say what `write` would do, without doing it."""
    touch = delta.WriteContext(cohort_id=load.cohort_id, session=load.session, floor=floor, at=now)
    counts = _find(conn, load, touch)
    found, repeated = delta.written(counts), sealed.repeated(conn)
    if not precedence.may_change(session=load.session, floor=floor):
        found = delta.Written(entered=0, exited=0)
    return Comparison(written=found, repeated=repeated, is_same=not any(counts.values()))


def _find(conn: Connection, load: Load, touch: WriteContext) -> Counts:
    place = erased.Place(cohort_id=load.cohort_id, session=load.session, action=load.mode.action)
    numbers = [rules.staged_number(load.session, page) for page in range(1, load.pages + 1)]
    spared, found = rosters.stage(conn, place, numbers)
    if found != load.pages:
        raise errors.Poison(_INCOMPLETE, sqlstate="XX001")
    return sealed.find(conn, touch, place.action, spared=spared, bare=load.bare)


_INCOMPLETE = "pages of this load are missing; begin another load"
