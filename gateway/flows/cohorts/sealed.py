"""Sealed sessions: what a whole load does, or would do, to its cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.cohorts import load as rules
from gateway.flows.cohorts import erased, rosters
from gateway.store.cohorts import delta, loads, sealed

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Load
    from gateway.flows.cohorts.work import Work
    from gateway.store.cohorts.delta import Touch, Written
    from gateway.store.cohorts.inbox import Entry


def write(work: Work, entry: Entry, number: int) -> Written:
    """Apply a load to its locked cohort; the session of the load is not below the floor.

    Raises errors.Poison unless every page of it is there: it is applied as a whole or not at all.
    """
    load = loads.get(work.trip, work.cohort_id, number)
    if load is None:
        raise errors.Poison(_INCOMPLETE, sqlstate="XX001")
    touch = work.touch(entry.session)
    counts = _find(work.conn, load, touch)
    last_change = work.state.last_change
    return sealed.write(work.conn, touch, entry.action, counts, last_change=last_change)


def compare(conn: Connection, load: Load, *, floor: int, now: datetime.datetime) -> Written:
    """Say what `write` would do, without doing it."""
    if load.session < floor:
        return delta.Written(entered=0, exited=0)
    touch = delta.Touch(cohort_id=load.cohort_id, session=load.session, floor=floor, at=now)
    return delta.written(_find(conn, load, touch))


def _find(conn: Connection, load: Load, touch: Touch) -> delta.Counts:
    place = erased.Place(cohort_id=load.cohort_id, session=load.session, action=load.mode.action)
    numbers = [rules.staged_number(load.session, page) for page in range(1, load.pages + 1)]
    spared, found = rosters.stage(conn, place, numbers)
    if found != load.pages:
        raise errors.Poison(_INCOMPLETE, sqlstate="XX001")
    return sealed.find(conn, touch, place.action, spared=spared)


_INCOMPLETE = "pages of this load are missing; begin another load"
