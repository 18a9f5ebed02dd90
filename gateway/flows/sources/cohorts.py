"""Cohorts as calls make and change them: of which source, and by the rules of its kind."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway import channels, errors
from gateway.core.access.actor import GATEWAY
from gateway.core.cohorts import guard as guards
from gateway.core.cohorts import schedule as schedules
from gateway.core.cohorts.load import State
from gateway.errors import Fault
from gateway.flows.cohorts import definitions, lookup, planned, settings
from gateway.flows.cohorts.settings import Same
from gateway.flows.sources.setup import PLAIN
from gateway.sources import json_body
from gateway.store.db import audit
from gateway.store.sources import sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.guard import Guard
    from gateway.flows.sources.setup import Setup
    from gateway.jobs import WakeUps
    from gateway.sources.kinds import Kind
    from gateway.store.db.engine import Pool

MADE_BY_SOURCE: Final = (
    "cohorts of kind {} are made and changed by what their source sends, not by calls"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A cohort to be made; what is left out is as its kind has it."""

    source: str
    name: str
    external_id: str | None = None
    description: str | None = None
    definition: Mapping[str, Any] | None = None
    schedule: Mapping[str, Any] | None = None
    guard: Guard | Same | None = Same.SAME
    notify: Sequence[str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes(settings.Changes):
    """What to change of a cohort, its definition and schedule included."""

    definition: Mapping[str, Any] | Same | None = Same.SAME
    schedule: Mapping[str, Any] | Same | None = Same.SAME

    def changed(self) -> list[str]:
        """Name what changes."""
        fields = dataclasses.fields(self)
        return [one.name for one in fields if not isinstance(getattr(self, one.name), Same)]


def create(
    pool: Pool,
    wanted: Wanted,
    setup: Setup = PLAIN,
    *,
    max_cohorts: int,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
    wake_ups: WakeUps | None = None,
) -> lookup.Cohort:
    """Make a cohort, empty at first; with wake-ups a loader reads its definition at once.

    Raises errors.Invalid naming what cannot be used, errors.Conflict for a kind of which cohorts
    come by themselves, and what `settings.create` raises.
    """
    with pool.begin() as conn:
        cohort_id = create_in(conn, wanted, setup, max_cohorts=max_cohorts, now=now, actor=actor)
        made = lookup.locked(conn, cohort_id, now=now)
    _wake(made, wake_ups)
    return made


def create_in(
    conn: Connection,
    wanted: Wanted,
    setup: Setup,
    *,
    max_cohorts: int,
    now: datetime.datetime,
    actor: Actor,
) -> int:
    """Make a cohort in the caller's transaction and return its id. Raises as `create` does."""
    found = sources.share(conn, wanted.source)
    if found is None:
        raise errors.Invalid([Fault("source", "there is no such source, or it was removed")])
    kind = setup.require(found.kind)
    _require_makeable(kind)
    channels.require(wanted.notify, setup.channels, "notify")
    _require_usable(kind, wanted.definition, wanted.schedule, whole=True)
    made = settings.Made(
        name=wanted.name,
        external_id=wanted.external_id,
        description=wanted.description,
        guard=guards.default(kind.name) if isinstance(wanted.guard, Same) else wanted.guard,
    )
    cohort_id = settings.create(conn, found.id, made, max_cohorts=max_cohorts, now=now)
    settings.set_notify(conn, cohort_id, wanted.notify)
    if wanted.schedule is not None:
        planned.set_schedule(conn, cohort_id, wanted.schedule, now=now)
    _define(conn, cohort_id, kind, wanted.definition, actor, now=now)
    audit.write(
        conn, actor, "cohort.created", cohort_id, now=now, source=wanted.source, kind=kind.name
    )
    return cohort_id


def change(
    pool: Pool,
    cohort_id: int,
    changes: Changes,
    setup: Setup = PLAIN,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
    wake_ups: WakeUps | None = None,
) -> lookup.Cohort:
    """Change what calls set of a cohort.

    Raises errors.NotFound, errors.Invalid naming what cannot be used, and errors.Conflict.
    """
    changed = changes.changed()
    with pool.begin() as conn:
        planned.hold(conn, cohort_id)
        found = settings.lock(conn, cohort_id)
        kind = setup.require(found.kind)
        if changed:
            if changed != ["notify"]:
                _require_makeable(kind)
            if not isinstance(changes.notify, Same):
                channels.require(changes.notify, setup.channels, "notify")
            given = _given(changes.definition), _given(changes.schedule)
            _require_usable(kind, *given, whole=changes.definition is None)
            settings.change(conn, cohort_id, found, changes, now=now)
            if not isinstance(changes.schedule, Same):
                planned.set_schedule(conn, cohort_id, changes.schedule, now=now)
            _define(conn, cohort_id, kind, given[0], actor, now=now)
            audit.write(conn, actor, "cohort.changed", cohort_id, now=now, fields=changed)
        made = lookup.locked(conn, cohort_id, now=now)
    _wake(made, wake_ups)
    return made


def _define(
    conn: Connection,
    cohort_id: int,
    kind: Kind,
    definition: Mapping[str, Any] | None,
    actor: Actor,
    *,
    now: datetime.datetime,
) -> None:
    """Number a definition that is given, and start a load of another one that loads read.

    What it says has been checked.
    """
    if definition is not None and kind.definition is not None:
        written = json_body.storable_json(definition, clean=False)
        named = kind.cohorts_named(definition)
        number = definitions.put(conn, cohort_id, written, named=named, by=actor.name, now=now)
        if number is not None:
            planned.begin(conn, cohort_id, by=actor.name, now=now)


def _wake(made: lookup.Cohort, wake_ups: WakeUps | None) -> None:
    if wake_ups is not None and (made.last_load or {}).get("state") == State.QUEUED:
        planned.wake(wake_ups)


def _given(value: Mapping[str, Any] | Same | None) -> Mapping[str, Any] | None:
    return None if isinstance(value, Same) else value


def _require_makeable(kind: Kind) -> None:
    if kind.makes_cohorts:
        raise errors.Conflict(MADE_BY_SOURCE.format(kind.name), code="made_by_its_source")


def _require_usable(
    kind: Kind,
    definition: Mapping[str, Any] | None,
    schedule: Mapping[str, Any] | None,
    *,
    whole: bool,
) -> None:
    wrong = [*_of_definition(kind, definition, whole=whole)]
    if schedule is not None:
        wrong += _of_schedule(kind, schedule)
    if wrong:
        raise errors.Invalid(wrong)


def _of_schedule(kind: Kind, schedule: Mapping[str, Any]) -> Sequence[Fault]:
    if kind.definition is None:
        return [Fault("schedule", f"cohorts of kind {kind.name} have no schedule")]
    return schedules.faults(schedule)


def _of_definition(
    kind: Kind, definition: Mapping[str, Any] | None, *, whole: bool
) -> Iterator[Fault]:
    if kind.definition is None:
        if definition is not None:
            yield Fault("definition", f"cohorts of kind {kind.name} have no definition")
    elif definition is not None:
        yield from kind.definition(definition)
    elif whole:
        yield Fault("definition", "is missing")
