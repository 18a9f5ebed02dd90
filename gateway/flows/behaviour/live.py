"""Live cohorts: each look takes in what arrived, what time has moved, and what other cohorts did.

Looked at again are people with data that changed, people with events that crossed the edge of a
window, and people that entered or exited a cohort that the rule names. Where that cannot be told,
or once a day, all people are looked at. A look holds erasures off until what it found is stored as
a session, so nothing that was erased in between comes back.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from gateway.core.behaviour import edges, rule
from gateway.core.cohorts.page import Action, CohortRef, Page, SourceRef
from gateway.flows.behaviour import first
from gateway.flows.people import arrivals
from gateway.sources.people import profile
from gateway.store.behaviour import members, queries, states
from gateway.store.behaviour.compile import Asked
from gateway.store.db import timeouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from gateway import errors
    from gateway.core.behaviour.rule import Definition
    from gateway.flows.cohorts.submit import Submitter
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

T = TypeVar("T")

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """The people that a look is at, None for all, and the seqs of the cohorts that it names."""

    people: Sequence[str] | None
    seqs: dict[str, int]


def is_due(state: states.State, now: datetime.datetime) -> bool:
    """Tell whether a cohort can be looked at: pages of it that wait would be found again."""
    if state.number == 0 or state.waiting or state.looked_at is None:
        return False
    return now >= state.looked_at + EVERY


def look(
    pool: Pool, submitter: Submitter, state: states.State, *, cut: int, now: datetime.datetime
) -> None:
    """Look at a cohort, and store what changed as a session of its own.

    Raises errors.Unavailable; then the next look begins where this one did.
    """
    definition = first.read_definition(pool, state.cohort_id, state.number)
    with pool.begin(limit_seconds=LOOK_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=LOOK_SECONDS, lock_seconds=LOOK_SECONDS)
        queries.set_up(conn)
        arrivals.keep_out_erasures(conn, state.source_id)
        wanted = _wanted(conn, state, definition, now=now)
        if wanted is None:
            states.fail(conn, state.cohort_id, "cohort_deleted")
            return
        idle = wanted.people is not None and not wanted.people
        if idle and state.looked_at is not None and now < state.looked_at + NOTED_EVERY:
            return
        drift = 0 if idle else _store(conn, submitter, state, definition, wanted, now=now)
        whole = wanted.people is None
        states.save(
            conn,
            state.cohort_id,
            at=now,
            arrival=cut,
            seqs=wanted.seqs,
            whole=whole,
            drift=drift,
        )


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
    assert state.whole_at is not None, "it was evaluated once"  # noqa: S101
    timed = edges.compares_with_now(definition)
    return now >= state.whole_at + (TIMED_EVERY if timed else WHOLE_EVERY)


def _store(
    conn: Connection,
    submitter: Submitter,
    state: states.State,
    definition: Definition,
    wanted: Wanted,
    *,
    now: datetime.datetime,
) -> int:
    """Submit the people that a look moves; returns how many moved though nothing had changed."""
    asked = Asked(source_id=state.source_id, as_of=now, person_ids=wanted.people)
    coming = members.coming(conn, definition, asked, state.cohort_id, since=state.arrival)
    going = members.going(conn, definition, asked, state.cohort_id)
    if coming or going:
        session = f"live-{states.number_look(conn)}"
        source = SourceRef(id=state.source_id, slug=state.source)
        known = CohortRef(id=state.cohort_id, deleted=False)
        for page in (*_adding(state, session, coming), *_removing(state, session, going)):
            submitter.submit(source, page, request_id=session, now=now, known=known)
        _log.info("rule.looked", cohort_id=state.cohort_id, coming=len(coming), going=len(going))
    return _drift(conn, state, definition, wanted, coming, going, now=now)


def _drift(
    conn: Connection,
    state: states.State,
    definition: Definition,
    wanted: Wanted,
    coming: Sequence[tuple[str, str]],
    going: Sequence[str],
    *,
    now: datetime.datetime,
) -> int:
    """Count the people that a daily look moves beside those that any look would have found."""
    assert state.looked_at is not None, "it is due"  # noqa: S101
    if wanted.people is not None or edges.compares_with_now(definition):
        return 0
    moved = edges.crossed(definition, before=state.looked_at, now=now)
    if moved is None or rule.cohorts_named(definition.root):
        return 0
    most = MOST_PEOPLE + 1
    known = set(arrivals.changed(conn, state.source_id, since=state.arrival, limit=most))
    known.update(members.on_edges(conn, state.source_id, moved, limit=most))
    if len(known) > MOST_PEOPLE:
        return 0
    return len({one for one, _ in coming} - known) + len(set(going) - known)


def _adding(state: states.State, session: str, coming: Sequence[tuple[str, str]]) -> Iterable[Page]:
    parts = _parts(coming)
    for number, part in enumerate(parts, start=1):
        lines = first.roster(part)
        yield _page(state, session, Action.ADD_MEMBERS, number, len(parts), lines)


def _removing(state: states.State, session: str, going: Sequence[str]) -> Iterable[Page]:
    parts = _parts(going)
    for number, part in enumerate(parts, start=1):
        text = "".join(map(profile.bare, part)).encode()
        lines = first.Lines(roster=text, usable=len(part), received=len(part))
        yield _page(state, session, Action.REMOVE_MEMBERS, number, len(parts), lines)


def _parts(listed: Sequence[T]) -> Sequence[Sequence[T]]:
    starts = range(0, len(listed), MEMBERS_AT_ONCE)
    return [listed[start : start + MEMBERS_AT_ONCE] for start in starts]


def _page(
    state: states.State, session: str, action: Action, number: int, total: int, lines: first.Lines
) -> Page:
    return Page(
        project_id="",
        external_id=state.external_id,
        name=None,
        description=None,
        session_id=session,
        action=action,
        number=number,
        total=total,
        digest=hashlib.sha256(lines.roster).digest(),
        received=lines.received,
        roster=lines.roster,
        usable=lines.usable,
        skipped={},
    )


def failed(state: states.State, error: errors.GatewayError) -> None:
    """Log that a rule could not be evaluated; the next round tries again."""
    _log.warning("rule.failed", cohort_id=state.cohort_id, reason=str(error), code=error.code)
