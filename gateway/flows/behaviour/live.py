"""Live cohorts: each look takes in what arrived, what time has moved, and what other cohorts did.

Looked at again are people with data that changed, people with events that crossed the edge of a
window, and people that entered or exited a cohort that the rule names. Where that cannot be told,
or once a day, all people are looked at. A look holds erasures off until what it found is stored as
a session, so nothing that was erased in between comes back.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Final

import structlog

from gateway.core.behaviour import edges, parse, rule
from gateway.core.cohorts.edit import Edit, Half
from gateway.flows.behaviour import rule_reading
from gateway.flows.cohorts import increment
from gateway.flows.people import arrivals
from gateway.sources.people import profile
from gateway.store.behaviour import indexes, members, queries, states
from gateway.store.behaviour.compile import Asked
from gateway.store.db import timeouts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway import errors
    from gateway.core.behaviour.rule import Definition
    from gateway.store.db.engine import Pool

EVERY: Final = datetime.timedelta(seconds=2)
# A look that finds nothing is noted this seldom; what it has to look at again only grows.
NOTED_EVERY: Final = datetime.timedelta(seconds=30)
# How often all people are looked at where a value is compared with the time that it is now.
TIMED_EVERY: Final = datetime.timedelta(minutes=2)
WHOLE_EVERY: Final = datetime.timedelta(days=1)
LOOK_SECONDS: Final = 300.0
# Beyond so many people it is quicker to look at all of them.
MOST_PEOPLE: Final = 20_000
MEMBERS_AT_ONCE: Final = 10_000

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """The people that a look is at, None for all, and the seqs of the cohorts that it names."""

    people: Sequence[str] | None
    seqs: dict[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moved:
    """People with their traits that come, ids that go, and how many of both nothing explains."""

    coming: Sequence[tuple[str, str]] = ()
    going: Sequence[str] = ()
    drift: int = 0


def is_due(state: states.State, now: datetime.datetime) -> bool:
    """Tell whether a live cohort can be looked at: pages of it that wait would be found again."""
    if state.scheduled or state.waiting or state.looked_at is None:
        return False
    return now >= state.looked_at + EVERY


def look(pool: Pool, state: states.State, *, cut: int, now: datetime.datetime) -> bool:
    """Look at a cohort, and store what moves as a session of its own; tells whether anything did.

    Nothing is done while another process looks at it. Raises errors.Unavailable; then the next look
    begins where this one did.
    """
    with pool.read() as conn:
        definition = parse.definition(states.definition(conn, state.cohort_id, state.number))
    with pool.begin(limit_seconds=LOOK_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=LOOK_SECONDS, lock_seconds=LOOK_SECONDS)
        if not states.hold(conn, state):
            return False
        queries.set_up(conn)
        arrivals.keep_out_erasures(conn, state.source_id)
        wanted = _wanted(conn, state, definition, now=now)
        if wanted is None:
            states.fail(conn, state.cohort_id, "cohort_deleted")
            return False
        idle = wanted.people is not None and not wanted.people
        if idle and state.looked_at is not None and now < state.looked_at + NOTED_EVERY:
            return False
        moved = Moved() if idle else _find(conn, state, definition, wanted, now=now)
        _store(conn, state, moved, now=now)
        whole = wanted.people is None
        states.save(
            conn,
            state.cohort_id,
            at=now,
            arrival=cut,
            seqs=wanted.seqs,
            whole=whole,
            drift=moved.drift,
        )
    return bool(moved.coming or moved.going)


def _wanted(
    conn: Connection, state: states.State, definition: Definition, *, now: datetime.datetime
) -> Wanted | None:
    """Say which people to look at; None if a cohort that the rule names was deleted."""
    assert state.looked_at is not None, "it is due"  # noqa: S101
    named = rule.cohorts_named(definition.root)
    seqs = states.seqs(conn, named) if named else {}
    if len(seqs) < len(named):
        return None
    everybody = Wanted(people=None, seqs=seqs)
    if _needs_all(state, definition, now):
        return everybody
    moved = edges.crossed(definition, before=state.looked_at, now=now)
    if moved is None:
        return everybody
    most = MOST_PEOPLE + 1
    found = set(arrivals.changed(conn, state.source_id, since=state.arrival, limit=most))
    found.update(members.on_edges(conn, state.source_id, moved, limit=most))
    for cohort_id in named:
        since, newest = state.seqs.get(str(cohort_id)), seqs[str(cohort_id)]
        if since is None:
            return everybody
        if newest > since:
            ids = states.moved(conn, cohort_id, after=since, limit=most)
            if ids is None:
                return everybody
            found.update(ids)
    return everybody if len(found) > MOST_PEOPLE else Wanted(people=sorted(found), seqs=seqs)


def _needs_all(state: states.State, definition: Definition, now: datetime.datetime) -> bool:
    if state.whole_at is None:
        return True
    timed = edges.compares_with_now(definition)
    return now >= state.whole_at + (TIMED_EVERY if timed else WHOLE_EVERY)


def _find(
    conn: Connection,
    state: states.State,
    definition: Definition,
    wanted: Wanted,
    *,
    now: datetime.datetime,
) -> Moved:
    indexed = indexes.ready(conn, state.source_id)
    asked = Asked(source_id=state.source_id, as_of=now, person_ids=wanted.people, indexed=indexed)
    coming = members.coming(conn, definition, asked, state.cohort_id, since=state.arrival)
    going = members.going(conn, definition, asked, state.cohort_id)
    moved = Moved(coming=coming, going=going)
    if wanted.people is not None or state.whole_at is None:
        return moved
    return dataclasses.replace(moved, drift=_drift(conn, state, definition, moved))


def _store(conn: Connection, state: states.State, moved: Moved, *, now: datetime.datetime) -> None:
    """Store the people that move, some at a time."""
    for start in range(0, max(len(moved.coming), len(moved.going)), MEMBERS_AT_ONCE):
        lines = rule_reading.roster(moved.coming[start : start + MEMBERS_AT_ONCE])
        leaving = moved.going[start : start + MEMBERS_AT_ONCE]
        gone = "".join(map(profile.bare, leaving)).encode()
        change = Edit(
            add=Half(roster=lines.roster, usable=lines.usable),
            remove=Half(roster=gone, usable=len(leaving)),
        )
        session_id = increment.store(conn, state.cohort_id, change, now=now)
        _log.info(
            "rule.looked",
            cohort_id=state.cohort_id,
            session=session_id,
            coming=lines.usable,
            going=len(leaving),
        )


def _drift(conn: Connection, state: states.State, definition: Definition, moved: Moved) -> int:
    """Count the people that a look at all people moves, though nothing happened since the last.

    What happens is that data changes, that a named cohort moves, or that time passes. Where it was
    not the first two, the rule is asked once more as of the last look: what it said then too, that
    look should have found.
    """
    assert state.looked_at is not None, "it is due"  # noqa: S101
    coming, going = {one for one, _ in moved.coming}, set(moved.going)
    suspects = _unexplained(conn, state, definition, coming | going)
    if not suspects:
        return 0
    before = Asked(source_id=state.source_id, as_of=state.looked_at, person_ids=sorted(suspects))
    held = members.held(conn, definition, before)
    return len(coming & held) + len((going & suspects) - held)


def _unexplained(
    conn: Connection, state: states.State, definition: Definition, moving: set[str]
) -> set[str]:
    """Leave out people with data that changed since the last look, or that a named cohort moved."""
    left = moving - arrivals.changed_of(conn, state.source_id, sorted(moving), since=state.arrival)
    for cohort_id in rule.cohorts_named(definition.root):
        since = state.seqs.get(str(cohort_id))
        if since is None or not left:
            return set()
        ids = states.moved_of(conn, cohort_id, sorted(left), after=since)
        left = set() if ids is None else left - ids
    return left


def failed(state: states.State, error: errors.GatewayError) -> None:
    """Log that a rule could not be evaluated; the next round tries again."""
    _log.warning("rule.failed", cohort_id=state.cohort_id, reason=str(error), code=error.code)
