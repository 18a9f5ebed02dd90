"""Loading: members are read into a cohort as one session, which takes effect as a whole.

`begin` takes the place in the order of sessions: whatever is edited, erased or synced afterwards
wins. `add` stages pages that nothing sees. `seal` makes them visible in one commit, as one delivery
that the applier takes in one transaction; `drop` leaves only the row of the load. A reader that
died is replaced by another epoch of its load, and cannot add or seal anything any more.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Final

import structlog

from gateway import aside, errors
from gateway.core.cohorts import load as rules
from gateway.core.cohorts.load import State
from gateway.flows.cohorts import erased, sealed
from gateway.store.cohorts import accept, apply_state, erasures, inbox, loads, sessions
from gateway.store.db import timeouts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Load, Members, Mode
    from gateway.jobs import WakeUps
    from gateway.store.cohorts.accept import IntakeState
    from gateway.store.db.engine import Pool
    from gateway.store.db.statement import Pipeline

# For one comparison with a cohort of ten million.
COMPARE_SECONDS: Final = 600.0

CLOSED: Final = "there is no such cohort, or it was deleted; restore it, then load again"
ENDED: Final = "this load has ended, or another process reads it now; begin another load"
OUT_OF_ORDER: Final = "pages of a load are added in order, from 1 to {}"

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """How many would become members, and how many of the `members` would stop being one.

    `repeated` rows have the id of a later row. If nothing at all would be written, `same_at` is the
    version of the cohort.
    """

    would_enter: int
    would_exit: int
    members: int
    repeated: int
    same_at: int | None


def begin(pool: Pool, cohort_id: int, mode: Mode, *, now: datetime.datetime) -> Load:
    """Create a load and take its place in order, at the moment when its reading begins.

    Raises errors.NotFound if the cohort does not exist or is deleted.
    """
    with counted(pool, cohort_id) as (conn, counters):
        load = take_place(conn, cohort_id, counters, mode, State.READING, now=now)
    _tell("load.begun", load)
    return load


def read_anew(pool: Pool, load: Load, *, now: datetime.datetime) -> Load:
    """Begin another epoch that reads what there is now: in a new place, without the pages so far.

    Raises errors.NotFound as `begin` does, errors.Conflict if the load is not being read.
    """
    with counted(pool, load.cohort_id) as (conn, counters):
        current = _being_read(conn, load)
        loads.forget_session(conn, current)
        session = _number_session(conn, load.cohort_id, load.number, counters, now=now)
        load = loads.restart(conn, current, session=session, begun_at=now)
    _tell("load.begun_anew", load)
    return load


def begin_anew(
    conn: Connection, load: Load, counters: IntakeState, *, now: datetime.datetime
) -> Load:
    """Do what `read_anew` does, with a load and counters that the caller has locked."""
    loads.forget_session(conn, load)
    session = _number_session(conn, load.cohort_id, load.number, counters, now=now)
    return loads.restart(conn, load, session=session, begun_at=now)


def read_again(pool: Pool, load: Load) -> Load:
    """Begin another epoch that reads the same again: in its old place, without the pages so far.

    Raises errors.Conflict if the load is not being read.
    """
    with pool.begin() as conn:
        current = _being_read(conn, load)
        load = loads.restart(conn, current, session=current.session, begun_at=current.begun_at)
    _tell("load.begun_again", load)
    return load


def add(pool: Pool, load: Load, page: int, members: Members, *, now: datetime.datetime) -> None:
    """Stage the next page of a load, from 1; adding one that is there already changes nothing.

    Raises errors.Conflict if this epoch is not being read any more, or pages before it are missing.
    """
    with pool.pipeline() as trip:
        stage(trip, load, page, members, now=now)


def stage(
    trip: Pipeline, load: Load, page: int, members: Members, *, now: datetime.datetime
) -> None:
    """Do what `add` does, within a transaction of the caller."""
    if not 1 <= page <= rules.MAX_PAGES:
        raise errors.Conflict(OUT_OF_ORDER.format(rules.MAX_PAGES))
    packed = inbox.pack(members.roster)
    session = loads.count_page(trip, load, page, members)
    if session is None:
        raise errors.Conflict(ENDED)
    if session.erased_since:
        packed = inbox.pack(_kept(trip.conn, load, members.roster, session.started_order))
    loads.put_page(trip, load, page, members=members.usable, packed=packed, now=now)


def compare(pool: Pool, load: Load, *, limit_seconds: float = COMPARE_SECONDS) -> Difference:
    """Compare what a load has staged with its cohort, as if it were applied now.

    Raises errors.Conflict if it is not being read.
    """
    with pool.begin(limit_seconds=limit_seconds) as conn:
        timeouts.allow(conn, statement_seconds=limit_seconds, lock_seconds=limit_seconds)
        current = loads.get(conn, load.cohort_id, load.number)
        state = apply_state.get(conn, load.cohort_id)
        if current is None or current.state is not State.READING or state is None:
            raise errors.Conflict(ENDED)
        found = sealed.compare(conn, current, floor=state.floor, now=current.begun_at)
        return Difference(
            would_enter=found.written.entered,
            would_exit=found.written.exited,
            members=state.member_count,
            repeated=found.repeated,
            # Read before the members were: what came between has raised it.
            same_at=state.version if found.is_same else None,
        )


def seal(pool: Pool, load: Load, *, wake_ups: WakeUps, now: datetime.datetime) -> bool:
    """Make a load visible and ring for its cohort; again is harmless.

    False if nothing of it will be applied: it was dropped, another process reads it, or its cohort
    was deleted.
    """
    with pool.begin() as conn:
        counters = accept.counters(conn, load.cohort_id)
        current = loads.lock(conn, load.cohort_id, load.number)
        if counters is None or current is None or current.epoch != load.epoch:
            return False
        if current.state is State.READING:
            make_visible(conn, current, counters, now=now)
    if current.state not in {State.READING, State.APPLYING, State.APPLIED, State.SUPERSEDED}:
        return False
    announce(current, wake_ups)
    return True


def make_visible(
    conn: Connection, load: Load, counters: IntakeState, *, now: datetime.datetime
) -> None:
    """Seal a load; the caller has locked both the counters and the load, and it may go on."""
    loads.seal(conn, load, counters.after(load.session, load.mode.action), now=now)


def announce(load: Load, wake_ups: WakeUps) -> None:
    """Ring for a load that was made visible."""
    with aside.harmless("wake_up"):
        wake_ups.notify(load.cohort_id)
    _tell("load.sealed", load)


def drop(pool: Pool, load: Load, *, now: datetime.datetime) -> bool:
    """Cancel a load that is being read, by whichever epoch; False if it is not.

    Its pages and its session go, and only its row is left.
    """
    with pool.begin() as conn:
        current = loads.lock(conn, load.cohort_id, load.number)
        if current is None or current.state is not State.READING:
            return False
        end(conn, current, State.CANCELED, now=now)
    _tell("load.dropped", current)
    return True


def end(conn: Connection, load: Load, state: State, *, now: datetime.datetime) -> None:
    """End a load that nothing was applied of and that the caller has locked; its row is left."""
    loads.end(conn, load.cohort_id, load.number, session=load.session, state=state, now=now)
    loads.forget_session(conn, load)


def find(pool: Pool, cohort_id: int, number: int) -> Load | None:
    """Read a load, None if there is none."""
    with pool.read() as conn:
        return loads.get(conn, cohort_id, number)


@contextlib.contextmanager
def counted(pool: Pool, cohort_id: int) -> Iterator[tuple[Connection, IntakeState]]:
    """Lend a transaction with the counters of a cohort. Raises errors.NotFound."""
    with pool.begin() as conn:
        counters = accept.counters(conn, cohort_id)
        if counters is None:
            raise errors.NotFound(CLOSED)
        yield conn, counters


def take_place(
    conn: Connection,
    cohort_id: int,
    counters: IntakeState,
    mode: Mode,
    state: State,
    *,
    now: datetime.datetime,
) -> Load:
    """Create a load with its place in order now; the caller has locked the counters."""
    number = loads.next_number(conn)
    session = _number_session(conn, cohort_id, number, counters, now=now)
    return loads.create(conn, cohort_id, number, mode=mode, session=session, state=state, now=now)


def _number_session(
    conn: Connection, cohort_id: int, number: int, counters: IntakeState, *, now: datetime.datetime
) -> int:
    """Number a session now: what is stored afterwards is of later sessions, or came before."""
    session = counters.last_session + 1
    sessions.create(
        conn,
        cohort_id,
        session,
        session_id=rules.session_id(cohort_id, number),
        session_key=None,
        now=now,
    )
    accept.take_session(conn, cohort_id, session, load=number)
    return session


def _being_read(conn: Connection, load: Load) -> Load:
    current = loads.lock(conn, load.cohort_id, load.number)
    if current is None or current.state is not State.READING:
        raise errors.Conflict(ENDED)
    return current


def _kept(conn: Connection, load: Load, roster: bytes, started_order: int) -> bytes:
    """Drop the members that were erased after the reading began: nothing of them is stored."""
    gone = erasures.of_cohort(conn, load.cohort_id, started_order)
    place = erased.Place(cohort_id=load.cohort_id, session=load.session, action=load.mode.action)
    return erased.keep(conn, place, roster, gone)


def _tell(event: str, load: Load) -> None:
    with aside.harmless("log"):
        _log.info(
            event,
            cohort_id=load.cohort_id,
            load=load.number,
            epoch=load.epoch,
            pages=load.pages,
            members=load.members,
        )
