"""Hiding: what a receiver of changes is told of members that are suppressed, and of their return.

A receiver that knows of a member is told of its exit when the member becomes suppressed, and of an
entry when it is so no more. Of a suppressed member that it does not know it is told nothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.destinations.adapter import Change
from gateway.store.syncs import cohorts_seen, hidden
from gateway.store.syncs.hidden import State
from gateway.store.syncs.ledger import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from sqlalchemy import Connection

    from gateway.flows.syncs.work import Work
    from gateway.store.syncs.hidden import Part


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """The seqs of changes that are not told of, and what becomes of rows with the others."""

    untold: Collection[int]
    put: Mapping[str, State]
    drop: Collection[str]


def scope_of(work: Work) -> Scope:
    """Say which rows are meant."""
    return Scope(cohort_id=work.cohort.id, job_id=work.job.id, suppress=work.suppress)


def suppressed(conn: Connection, work: Work, member_ids: Collection[str]) -> set[str]:
    """Find which of some members are suppressed."""
    if not work.suppress:
        return set()
    return cohorts_seen.members_among(conn, work.suppress, list(member_ids))


def choose(conn: Connection, work: Work, changes: Iterable[Any], *, again: bool) -> Told:
    """Choose which changes are told of; `again` if they may have been told of before."""
    listed = [one for one in changes if one.member_id is not None]
    named = {one.member_id for one in listed}
    hides = suppressed(conn, work, named)
    states: dict[str, State | None] = dict(hidden.among(conn, scope_of(work), named))
    before, untold = dict(states), set[int]()
    for one in listed:
        if one.change != Change.ENTERED:
            if states.get(one.member_id) is State.HIDDEN:
                untold.add(one.seq)
            states[one.member_id] = None
        elif one.member_id in hides:
            untold.add(one.seq)
            states[one.member_id] = State.LEAVING if again else State.HIDDEN
        else:
            states[one.member_id] = None
    for _ in untold:
        work.tally.skip("suppressed")
    return Told(
        untold=untold,
        put={one: state for one, state in states.items() if state and state != before.get(one)},
        drop=[one for one, state in states.items() if state is None and one in before],
    )


def note(conn: Connection, work: Work, told: Told, seq: int) -> None:
    """Write what a part of changes has made of rows."""
    if told.put:
        hidden.put(conn, scope_of(work), told.put, seq=seq, turn=work.number)
    if told.drop:
        hidden.drop(conn, scope_of(work), told.drop)


def note_first(
    conn: Connection, work: Work, member_ids: Collection[str], hides: Collection[str], seq: int
) -> None:
    """Write that some of the first members were told of, and others are suppressed.

    A job that sends everything anew has told of them before, but of those that it hid.
    """
    scope = scope_of(work)
    rows = hidden.among(conn, scope, member_ids)
    known = State.HIDDEN if work.number == 1 else State.LEAVING
    put = {one: known for one in hides if rows.get(one) in (None, State.RETURNING)}
    note(conn, work, Told(untold=(), put=put, drop=rows.keys() - hides), seq)


def begin(work: Work) -> None:
    """Hide, in its first run, suppressed members from a receiver that was told of none yet."""
    done = work.tally.progress()
    if work.suppress and work.number == 1 and not done.added + done.removed:
        with work.keeper.sharing() as conn:
            hidden.begin(conn, scope_of(work), seq=work.job.delivered, turn=work.number)


def compare(work: Work, through: int) -> None:
    """Find members suppressed since, or no more, when all changes up to a seq are delivered."""
    with work.keeper.sharing() as conn:
        hidden.compare(conn, scope_of(work), through=through, turn=work.number)


def following(work: Work) -> Part | None:
    """Read which members are to be told of next."""
    with work.pool.begin() as conn:
        return hidden.following(conn, scope_of(work), limit=work.facts.limits.members)


def finish(work: Work, part: Part) -> None:
    """Note that a part was told of."""
    with work.keeper.sharing() as conn:
        hidden.finish(conn, scope_of(work), part)
