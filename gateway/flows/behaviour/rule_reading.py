"""Reading a rule: the people that meet it at one moment are staged as pages of a load."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core.behaviour import parse, rule
from gateway.core.cohorts import member_rows
from gateway.core.cohorts.failures import Failure
from gateway.flows.cohorts import definition_reading
from gateway.flows.people import arrivals
from gateway.sources.people import profile
from gateway.store.behaviour import indexes, members, queries, states
from gateway.store.behaviour.compile import Asked
from gateway.store.db import timeouts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Generator, Mapping, Sequence

    from gateway.core.behaviour.rule import Definition
    from gateway.core.cohorts.load import Load
    from gateway.flows.cohorts.definition_reading import Reading
    from gateway.flows.cohorts.file_reading import Tally
    from gateway.store.db.engine import Pool

# For reading all members of a cohort.
READ_SECONDS: Final = 900.0
SAMPLE_ROWS: Final = 20

_REFUSED: Final = "the database cannot evaluate this rule"
_TOO_LONG: Final = "the rule took longer than {:g} seconds"
_DELETED: Final = "a cohort that the rule names was deleted"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lines:
    """A page of people, as lines of a roster; a value of the protocol `load.Rows`."""

    roster: bytes
    usable: int
    received: int
    sample: Sequence[Mapping[str, Any]] = ()
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    duplicate: int = 0
    rejected: Sequence[Any] = ()
    warnings: Mapping[str, int] = dataclasses.field(default_factory=dict)
    progress: float | None = None


def read(
    pool: Pool,
    one: Load,
    asked: definition_reading.Asked,
    *,
    check: Callable[[], None],
    now: Callable[[], datetime.datetime],
    limit_seconds: float = READ_SECONDS,
) -> Tally:
    """Stage all people that meet the rule of a load; `load_reader.ReadDefinition` is its type.

    The place of the load in order was taken before: what is erased from now on stays out. Raises
    errors.ReadFailed, errors.Conflict if the load was canceled, and what `check` does.
    """
    defined = definition_reading.of_load(pool, one, asked)
    definition, so_far = _checked(defined.definition), definition_reading.Reading(pool, one)
    arrival, as_of = arrivals.cut(pool, defined.source_id), now()
    seqs = _seqs(pool, definition)
    so_far.note({"as_of": as_of.isoformat(), "arrival": arrival, "seqs": seqs})
    seen = Asked(source_id=defined.source_id, as_of=as_of)
    began = time.monotonic()
    pages = _pages(pool, definition, seen, limit_seconds=limit_seconds)
    try:
        with contextlib.closing(pages):
            for people in pages:
                check()
                _add(so_far, people, now=now())
    except errors.Poison as error:
        hint = "Change the rule; a time zone that the database does not know is the usual reason."
        raise errors.ReadFailed(Failure.QUERY_INVALID, _REFUSED, hint=hint) from error
    except errors.Unavailable as error:
        if time.monotonic() - began < limit_seconds:
            raise
        hint, message = "Narrow its windows.", _TOO_LONG.format(limit_seconds)
        raise errors.ReadFailed(Failure.TIMED_OUT, message, hint=hint) from error
    return so_far.tally


def roster(people: Sequence[tuple[str, str]]) -> Lines:
    """Write people with their traits, which are JSON, as a page."""
    text = "".join([profile.line(person_id, traits) for person_id, traits in people])
    return Lines(roster=text.encode(), usable=len(people), received=len(people))


def _checked(given: Mapping[str, Any]) -> Definition:
    """Check a definition once more: it may be of an older version."""
    try:
        return parse.definition(given)
    except errors.Invalid as error:
        hint = "Change the definition of the cohort."
        raise errors.ReadFailed(Failure.QUERY_INVALID, str(error), hint=hint) from error


def _seqs(pool: Pool, definition: Definition) -> dict[str, int]:
    """Read how far the cohorts that a rule names have come. Raises errors.ReadFailed."""
    named = rule.cohorts_named(definition.root)
    with pool.read() as conn:
        found = states.seqs(conn, named)
    if len(found) < len(named):
        hint = "Restore that cohort and load again, or change the rule."
        raise errors.ReadFailed(Failure.COHORT_DELETED, _DELETED, hint=hint)
    return found


def _pages(
    pool: Pool, definition: Definition, asked: Asked, *, limit_seconds: float
) -> Generator[Sequence[tuple[str, str]]]:
    with pool.begin(limit_seconds=limit_seconds) as conn:
        timeouts.allow(conn, statement_seconds=limit_seconds, lock_seconds=limit_seconds)
        queries.set_up(conn)
        indexed = indexes.ready(conn, asked.source_id)
        yield from members.listing(conn, definition, dataclasses.replace(asked, indexed=indexed))


def _add(so_far: Reading, people: Sequence[tuple[str, str]], *, now: datetime.datetime) -> None:
    page = roster(people)
    lines = page.roster.decode().split("\n")[: SAMPLE_ROWS - len(so_far.tally.sample)]
    sample = [member_rows.shown(line) for line in lines if line]
    so_far.add(dataclasses.replace(page, sample=sample), now=now)
