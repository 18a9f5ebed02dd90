"""Running rules, as they are written: how many people meet one, and why one does or does not."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.behaviour import parse, rule
from gateway.core.people.source import KIND
from gateway.store.behaviour import indexes, queries
from gateway.store.behaviour.compile import Asked
from gateway.store.db import timeouts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from gateway.core.behaviour.rule import Definition, Node
    from gateway.store.behaviour.queries import Found
    from gateway.store.db.engine import Pool
    from gateway.waits import Waits

Finding = queries.Finding

# An answer comes within 30 seconds.
RUN_SECONDS: Final = 25.0
LOCK_SECONDS: Final = 2.0
# To write the largest rules as SQL takes a second or two, on a busy machine many more.
WRITE_SECONDS: Final = RUN_SECONDS

# What Postgres says of a time zone that only Python knows (invalid_parameter_value).
NO_SUCH_ZONE: Final = "22023"
UNKNOWN_ZONE: Final = "the database does not know this time zone; send a name like Europe/Berlin"

SLOW: Final = "the rule took longer than 25 seconds; narrow its windows, or save it as a cohort"


class TimedOut(errors.Unavailable):
    """A rule takes longer than a request may."""

    code = "timed_out"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A rule to be run over the people of a source, seen from a moment; None is now."""

    source: str
    definition: Definition
    as_of: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run found: the sampled people with their traits as JSON, and how long it took."""

    found: Found
    nodes: Sequence[Node]
    sample: Sequence[tuple[str, str]]
    as_of: datetime.datetime
    milliseconds: float


class Runner:
    """Runs rules for requests, some at once: others have to have threads left."""

    def __init__(self, pool: Pool, waits: Waits, *, seconds: float = RUN_SECONDS) -> None:
        self._pool = pool
        self._waits = waits
        self._seconds = seconds

    def run(
        self,
        wanted: Wanted,
        *,
        with_nodes: bool,
        compare: int | None,
        now: datetime.datetime,
    ) -> Ran:
        """Count the people that meet a rule. Nothing is kept.

        Raises errors.NotFound or errors.Conflict for the source, errors.Invalid for a cohort that
        is not there, errors.Unavailable when too many run, and TimedOut.
        """
        as_of, began = _as_of(wanted, now), time.monotonic()
        with self._waits.turn(), self._reading() as conn:
            source_id = _source(conn, wanted.source)
            indexed = indexes.ready(conn, source_id)
            asked = Asked(source_id=source_id, as_of=as_of, indexed=indexed)
            require_sound(conn, wanted.definition)
            if compare is not None and not queries.cohorts_there(conn, [compare]):
                raise parse.invalid("compare", "there is no such cohort")
            found = queries.run(
                conn, wanted.definition, asked, with_nodes=with_nodes, compare=compare
            )
            sample = queries.traits(conn, asked.source_id, found.sample)
        return Ran(
            found=found,
            nodes=list(rule.walk(wanted.definition.root)),
            sample=sample,
            as_of=as_of,
            milliseconds=(time.monotonic() - began) * 1000,
        )

    def explain(
        self, wanted: Wanted, person_id: str, *, now: datetime.datetime
    ) -> dict[Node, Finding]:
        """Say what each node of a rule found for a person.

        Raises what `run` does, and errors.NotFound for no person.
        """
        with self._reading() as conn:
            require_sound(conn, wanted.definition)
            source_id, as_of = _source(conn, wanted.source), _as_of(wanted, now)
            return _explained(conn, wanted.definition, source_id, person_id, as_of=as_of)

    def explain_kept(
        self, definition: Definition, source_id: int, person_id: str, *, now: datetime.datetime
    ) -> dict[Node, Finding]:
        """Do the same for a rule that is kept; a cohort that it names may be deleted by now.

        What one person did is read in no time, so the limits are those of any look-up.
        """
        with self._pool.read() as conn:
            return _explained(conn, definition, source_id, person_id, as_of=now)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        began = time.monotonic()
        try:
            with self._pool.begin(limit_seconds=self._seconds) as conn:
                timeouts.allow(conn, statement_seconds=self._seconds, lock_seconds=LOCK_SECONDS)
                timeouts.allow_silence(conn, seconds=WRITE_SECONDS)
                queries.set_up(conn)
                # A rule that is tried is hardly tried twice, and as a key of a cache it is large.
                yield conn.execution_options(compiled_cache=None)
        except errors.Unavailable as error:
            if time.monotonic() - began < self._seconds:
                raise
            raise TimedOut(SLOW) from error
        except errors.Poison as error:
            if error.sqlstate != NO_SUCH_ZONE:
                raise
            raise parse.invalid("time_zone", UNKNOWN_ZONE) from error


def _explained(
    conn: Connection,
    definition: Definition,
    source_id: int,
    person_id: str,
    *,
    as_of: datetime.datetime,
) -> dict[Node, Finding]:
    asked = Asked(source_id=source_id, as_of=as_of, person_ids=[person_id])
    found = queries.explain(conn, definition, asked)
    if found is None:
        raise errors.NotFound("there is no such person in this source")
    return found


def require_sound(conn: Connection, definition: Definition) -> None:
    """Raise errors.Invalid unless the cohorts that a rule names, and its zone, are there."""
    named = rule.cohorts_named(definition.root)
    there = queries.cohorts_there(conn, named) if named else set()
    faults = [
        errors.Fault(f"{one.place}.in_cohort", "there is no such cohort, or it was deleted")
        for one in rule.walk(definition.root)
        if isinstance(one, rule.InCohort) and one.cohort_id not in there
    ]
    if faults:
        raise errors.Invalid(faults)
    if definition.time_zone != parse.UTC:
        queries.require_zone(conn, definition.time_zone)


def _as_of(wanted: Wanted, now: datetime.datetime) -> datetime.datetime:
    if wanted.as_of is not None and wanted.as_of > now:
        raise parse.invalid("as_of", "must not be in the future")
    return wanted.as_of or now


def _source(conn: Connection, slug: str) -> int:
    found = queries.source(conn, slug)
    if found is None:
        raise errors.NotFound(f"there is no source {slug!a}", code="no_source")
    source_id, kind = found
    if kind != KIND:
        raise errors.Conflict(f"the source {slug!a} has no people and events", code="wrong_kind")
    return source_id
