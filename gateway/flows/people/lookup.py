"""Looking up people, their events, and what was seen of both."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core.people import predefined, times
from gateway.core.people.source import KIND
from gateway.flows.cohorts.parts import ListPage
from gateway.store.people import lookup, samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool
    from gateway.store.people.lookup import Person

Seen = lookup.Seen
Known = lookup.Known
Wanted = lookup.Wanted

# So many of what arrived last are shown of a source.
RECENT: Final = 1000
# Daily counts are told of so many days.
COUNTED_DAYS: Final = 30
# What properties there are, and which values many share, is told from so many rows; where there
# are more, from a larger sample that is taken by the hour (`sampling.py`).
SAMPLED: Final = 2000
SHARERS: Final = 5
VALUES: Final = 20
# Of a rule's names, properties are offered of so many.
OFFERED_NAMES: Final = 3

NO_PERSON: Final = "there is no such person in this source"
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Name:
    """The name of events: how many there were in all, and by day (ISO) of late."""

    name: str
    predefined: bool
    events: int
    days: Mapping[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Property:
    """A property or trait: the JSON types seen, and values that many people share, as JSON."""

    name: str
    types: Sequence[str]
    values: str = "[]"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Between:
    """Events of a name, None for any, at or after a time, and before another."""

    event: str | None = None
    after: datetime.datetime | None = None
    before: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Portrait:
    """A person, and a part of the events, the newest first."""

    person: Person
    events: ListPage[Seen, tuple[int, int]]


def find(pool: Pool, slug: str, wanted: str, *, limit: int) -> list[Known]:
    """List the people with this id or e-mail, or without either those that were written last."""
    with pool.read() as conn:
        source_id = _source(conn, slug)
        if not wanted:
            return lookup.newest(conn, source_id, limit=limit)
        return lookup.find(conn, source_id, wanted, limit=limit)


def person(pool: Pool, slug: str, person_id: str) -> Person:
    """Look up a person. Raises errors.NotFound."""
    with pool.read() as conn:
        found = lookup.person(conn, _source(conn, slug), person_id)
    if found is None:
        raise errors.NotFound(NO_PERSON)
    return found


def events(
    pool: Pool,
    slug: str,
    person_id: str,
    between: Between,
    *,
    position: tuple[int, int] | None,
    limit: int,
) -> ListPage[Seen, tuple[int, int]]:
    """List the events of a person, the newest first; a position is microseconds and id."""
    return portrait(pool, slug, person_id, between, position=position, limit=limit).events


def portrait(
    pool: Pool,
    slug: str,
    person_id: str,
    between: Between,
    *,
    position: tuple[int, int] | None,
    limit: int,
) -> Portrait:
    """Look up a person with events, as `events` lists them. Raises errors.NotFound."""
    with pool.read() as conn:
        source_id = _source(conn, slug)
        known = lookup.person(conn, source_id, person_id)
        if known is None:
            raise errors.NotFound(NO_PERSON)
        found = lookup.events(
            conn,
            source_id,
            person_id,
            event=between.event,
            after=between.after,
            before=between.before,
            position=None if position is None else (_moment(position[0]), position[1]),
            limit=limit + 1,
        )
    return Portrait(person=known, events=ListPage.cut(found, limit, _position))


def recent(
    pool: Pool, slug: str, wanted: Wanted, *, below: int, limit: int
) -> ListPage[Seen, tuple[int]]:
    """List what arrived last, the newest first, rejected events among it."""
    with pool.read() as conn:
        source_id = _source(conn, slug)
        found = lookup.recent(conn, source_id, wanted, below=below, kept=RECENT, limit=limit + 1)
    return ListPage.cut(found, limit, lambda one: (one.id,))


def names(pool: Pool, slug: str, *, now: datetime.datetime) -> list[Name]:
    """List the names of events: those that were seen, and those that are known before."""
    since = now.date() - datetime.timedelta(days=COUNTED_DAYS - 1)
    with pool.read() as conn:
        rows = lookup.names(conn, _source(conn, slug), since=since)
    seen = {
        row.name: Name(
            name=row.name,
            predefined=row.name in predefined.EVENTS,
            events=row.events,
            days=row.days,
        )
        for row in rows
    }
    known = {
        name: Name(name=name, predefined=True, events=0, days={}) for name in predefined.EVENTS
    }
    return [one for _, one in sorted((known | seen).items())]


def properties(pool: Pool, slug: str, name: str) -> list[Property]:
    """List the properties of a name's events. Raises errors.NotFound for a name not seen yet."""
    with pool.read() as conn:
        source_id, kept = _kept(conn, slug, [name])
        if name not in predefined.EVENTS and not lookup.is_name(conn, source_id, name):
            raise errors.NotFound("no event of this name was seen")
        seen = _seen(conn, source_id, name, kept)
    return [one for _, one in sorted((_known(name) | seen).items())]


def offered(pool: Pool, slug: str, names: Sequence[str]) -> list[Property]:
    """List the properties of the events of the first few names, seen or known before."""
    found: dict[str, Property] = {}
    with pool.read() as conn:
        source_id, kept = _kept(conn, slug, names[:OFFERED_NAMES])
        for name in names[:OFFERED_NAMES]:
            found |= _known(name) | _seen(conn, source_id, name, kept)
    return [one for _, one in sorted(found.items())]


def traits(pool: Pool, slug: str) -> list[Property]:
    """List the traits of people."""
    with pool.read() as conn:
        source_id, kept = _kept(conn, slug, [samples.TRAITS])
        return list(_seen(conn, source_id, samples.TRAITS, kept).values())


def require_source(pool: Pool, slug: str) -> int:
    """Return the id of a source of people. Raises errors.NotFound or errors.Conflict."""
    with pool.read() as conn:
        return _source(conn, slug)


def _known(name: str) -> dict[str, Property]:
    usual = predefined.EVENTS.get(name, {})
    return {one: Property(name=one, types=[kind]) for one, kind in usual.items()}


def _seen(
    conn: Connection, source_id: int, name: str, kept: Mapping[str, Any]
) -> dict[str, Property]:
    """Return the properties of a name: those that were sampled, or those of the newest rows."""
    if name in kept:
        return {one["name"]: Property(**one) for one in kept[name]}
    limits = {"sampled": SAMPLED, "sharers": SHARERS, "values": VALUES}
    if name == samples.TRAITS:
        rows = lookup.traits(conn, source_id, **limits)
    else:
        rows = lookup.properties(conn, source_id, name, **limits)
    return {row.name: Property(**row._mapping) for row in rows}


def _kept(conn: Connection, slug: str, names: Sequence[str]) -> tuple[int, Mapping[str, Any]]:
    """Return the id of a source, and what is kept of some names of events, or of its traits."""
    found = samples.kept(conn, slug, names)
    source_id = _checked(slug, None if found is None else found[:2])
    return source_id, (found[2] or {}) if found is not None else {}


def _source(conn: Connection, slug: str) -> int:
    return _checked(slug, lookup.source(conn, slug))


def _checked(slug: str, found: tuple[int, str] | None) -> int:
    if found is None:
        raise errors.NotFound(f"there is no source {slug!a}", code="no_source")
    source_id, kind = found
    if kind != KIND:
        raise errors.Conflict(f"the source {slug!a} has no people and events", code="wrong_kind")
    return source_id


def _moment(micros: int) -> datetime.datetime:
    return times.EPOCH + datetime.timedelta(microseconds=micros)


def _position(one: Seen) -> tuple[int, int]:
    assert one.time is not None, "it is an event, and was taken"  # noqa: S101
    return (one.time - times.EPOCH) // _MICROSECOND, one.id
