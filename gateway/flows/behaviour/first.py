"""The first evaluation of a rule: a load that replaces the members, all of them or none."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.core.behaviour import parse, rule
from gateway.core.cohorts.load import State, Trigger
from gateway.core.cohorts.receipt import Problem
from gateway.flows.cohorts import load, load_decision
from gateway.flows.people import arrivals
from gateway.sources.people import profile
from gateway.store.behaviour import members, queries, states
from gateway.store.behaviour.compile import Asked
from gateway.store.db import timeouts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from gateway.core.behaviour.rule import Definition
    from gateway.core.cohorts.load import Load
    from gateway.jobs import Doorbell
    from gateway.store.db.engine import Pool

# For reading all members of a cohort.
READ_SECONDS: Final = 900.0

ASKED: Final = load_decision.Asked(
    trigger=Trigger.DEFINITION,
    review=False,
    upload=None,
    options={},
    file=None,
    requested_by=None,
)

REFUSED: Final = Problem(
    code="query_invalid",
    message="The database cannot evaluate this rule.",
    hint="Change the rule; a time zone that the database does not know is the usual reason.",
)

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lines:
    """A page of members, as lines of a roster."""

    roster: bytes
    usable: int
    received: int
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)


def evaluate(
    pool: Pool, state: states.State, *, doorbell: Doorbell, now: datetime.datetime
) -> None:
    """Evaluate the newest definition of a cohort, from the start.

    Its place in order is taken before anything is read: what is erased afterwards stays out.
    """
    definition = read_definition(pool, state.cohort_id, state.latest)
    cut = arrivals.cut(pool, state.source_id)
    with pool.begin() as conn:
        seqs = states.seqs(conn, rule.cohorts_named(definition.root))
    with load_decision.begun(pool, state.cohort_id, ASKED, now=now) as (conn, begun):
        states.begin(conn, state, load=begun.number, at=now, arrival=cut, seqs=seqs)
    try:
        _stage(pool, begun, definition, Asked(source_id=state.source_id, as_of=now), now=now)
    except errors.Poison:
        load_decision.fail(pool, begun, REFUSED, now=now)
        raise
    load_decision.submit(pool, begun, doorbell=doorbell, now=now)
    _log.info("rule.evaluated", cohort_id=state.cohort_id, load=begun.number)


def settle(pool: Pool, state: states.State, *, now: datetime.datetime) -> bool:
    """Look what became of the load of a first evaluation; False while it goes on.

    One that is still being read was left by a process that died, and is dropped.
    """
    assert state.load is not None, "the caller has looked"  # noqa: S101
    found = load.find(pool, state.cohort_id, state.load)
    if found is not None and found.state in (State.APPLYING, State.NEEDS_APPROVAL):
        return False
    if found is not None and found.state is State.READING:
        load.drop(pool, found, now=now)
    applied = found is not None and found.state is State.APPLIED
    with pool.begin() as conn:
        states.settle(conn, state.cohort_id, applied=applied, again=_died(found))
    return True


def read_definition(pool: Pool, cohort_id: int, number: int) -> Definition:
    with pool.read() as conn:
        return parse.definition(states.definition(conn, cohort_id, number))


def roster(people: Sequence[tuple[str, str]]) -> Lines:
    """Write people with their traits, which are JSON, as a page."""
    text = "".join([profile.line(person_id, traits) for person_id, traits in people])
    return Lines(roster=text.encode(), usable=len(people), received=len(people))


def _died(found: Load | None) -> bool:
    return found is not None and found.state is State.READING


def _stage(
    pool: Pool, begun: Load, definition: Definition, asked: Asked, *, now: datetime.datetime
) -> None:
    with pool.begin(limit_seconds=READ_SECONDS) as conn:
        timeouts.allow(conn, statement_seconds=READ_SECONDS, lock_seconds=READ_SECONDS)
        queries.set_up(conn)
        for page, people in enumerate(members.listing(conn, definition, asked), start=1):
            load.add(pool, begun, page, roster(people), now=now)
