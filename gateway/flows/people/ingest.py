"""Taking in people and events: a request is a transaction, and durable before it is answered."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final

import structlog

from gateway import aside, errors
from gateway.core.cohorts import member_rows
from gateway.core.people import arrival, items
from gateway.core.people.items import Code, Rejected
from gateway.core.people.source import BUILT_IN, KIND
from gateway.store.people import ingest, months

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gateway.core.access.actor import Actor
    from gateway.core.people.items import Event, Patch
    from gateway.store.db.engine import Pool
    from gateway.store.db.statement import Pipeline

PAUSED: Final = "this source is paused; an operator can resume it"

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a request's items; `rejected` are in their order."""

    accepted: int
    duplicate: int
    created: int
    rejected: Sequence[Rejected]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What was read of a request; `join` writes a person's traits, JSON by name, as one object."""

    events: Sequence[Event] = ()
    patches: Sequence[Patch] = ()
    rejected: Sequence[Rejected] = ()
    now: datetime.datetime
    event_id_days: int
    join: Callable[[Mapping[str, str]], str]


def choose_source(named: str | None, actor: Actor) -> str:
    """Return the source that a request is for. Raises errors.Forbidden if its key has another."""
    if actor.source is not None and named not in (None, actor.source):
        raise errors.Forbidden(f"this key may only post to the source '{actor.source}'")
    return named or actor.source or BUILT_IN


def take(pool: Pool, slug: str, request: Request) -> Taken:
    """Store what a request brings, and return when it is on disk.

    Raises errors.NotFound, errors.Conflict, or errors.Unavailable; then nothing is stored.
    """
    _make_months(pool, request.events)
    with pool.pipeline() as trip:
        source = _enter(trip, slug)
        fresh = _fresh(trip, source, request)
        kept, patches = _without_erased(trip, source, fresh, request)
        created = _create(trip, source, kept, patches, now=request.now)
        refused = _merge(trip, source, request, patches)
        _store(trip, source, kept, now=request.now)
        rejected = sorted([*request.rejected, *refused], key=lambda one: one.index)
        _note(trip, source, rejected, now=request.now)
    taken = Taken(
        accepted=len(fresh) + len(request.patches) - len(refused),
        duplicate=len(request.events) - len(fresh),
        created=created,
        rejected=rejected,
    )
    with aside.harmless("log"):
        _tell(slug, taken)
    return taken


def _make_months(pool: Pool, events: Sequence[Event]) -> None:
    """Make the tables of months that are new, before the request's own transaction begins."""
    wanted = {months.month_of(one.time) for one in events}
    if not wanted:
        return
    with pool.read() as conn:
        missing = months.missing(conn, wanted)
    for month in missing:
        with pool.begin() as conn:
            months.create(conn, month)


def _enter(trip: Pipeline, slug: str) -> ingest.Source:
    source = ingest.enter(trip, slug)
    if source is None:
        raise errors.NotFound(f"there is no source '{items.shown(slug)}'", code="no_source")
    if source.kind != KIND:
        raise errors.Conflict(f"the source '{slug}' takes no people and events", code="wrong_kind")
    if source.paused:
        raise errors.Unavailable(PAUSED, retry_after_seconds=60)
    return source


def _fresh(trip: Pipeline, source: ingest.Source, request: Request) -> list[Event]:
    """Leave out events with an id that is remembered, or came before in this request."""
    wanted = {one.event_id for one in request.events if one.event_id is not None}
    if not wanted:
        return list(request.events)
    before = request.now - datetime.timedelta(days=request.event_id_days)
    new = ingest.remember(trip, source.id, wanted, now=request.now, forgotten_before=before)
    fresh = []
    for one in request.events:
        if one.event_id is None or one.event_id in new:
            fresh.append(one)
            new.discard(one.event_id or "")
    return fresh


def _without_erased(
    trip: Pipeline, source: ingest.Source, events: Sequence[Event], request: Request
) -> tuple[Sequence[Event], Sequence[Patch]]:
    """Leave out what erased people did until their erasure, and traits that waited for it."""
    people = {one.person_id for one in events} | {one.person_id for one in request.patches}
    gone = ingest.erased(trip, source.id, {digest(one): one for one in people}) if people else {}
    if not gone:
        return events, request.patches
    kept = [one for one in events if one.person_id not in gone or one.time > gone[one.person_id]]
    patches = [
        one
        for one in request.patches
        if one.person_id not in gone or request.now > gone[one.person_id]
    ]
    return kept, patches


def digest(person_id: str) -> bytes:
    """Return what is kept of the id of an erased person."""
    return hashlib.sha256(person_id.encode()).digest()


def _create(
    trip: Pipeline,
    source: ingest.Source,
    events: Sequence[Event],
    patches: Sequence[Patch],
    *,
    now: datetime.datetime,
) -> int:
    people = {one.person_id for one in events} | {one.person_id for one in patches}
    return len(ingest.create_people(trip, source, people, now=now)) if people else 0


def _merge(
    trip: Pipeline, source: ingest.Source, request: Request, kept: Sequence[Patch]
) -> list[Rejected]:
    """Merge traits; returns the items of people that would have too many or too large ones."""
    if not kept:
        return []
    folded: dict[str, dict[str, str]] = {}
    for one in kept:
        texts = {name: "null" if value is None else value for name, value in one.traits.items()}
        folded.setdefault(one.person_id, {}).update(texts)
    patches = {person_id: request.join(traits) for person_id, traits in folded.items()}
    written = ingest.merge_traits(trip, source, patches, now=request.now)
    return [
        Rejected(
            index=one.index,
            code=Code.TOO_LARGE,
            message="traits: with those that are kept they would be too many, or too large",
            person_id=one.person_id,
        )
        for one in kept
        if one.person_id not in written
    ]


def _store(
    trip: Pipeline, source: ingest.Source, events: Sequence[Event], *, now: datetime.datetime
) -> None:
    if not events:
        return
    ingest.store_events(trip, _lines(source, events, now))
    days = Counter((one.name, one.time.date()) for one in events)
    ingest.count_days(trip, source.id, days)


def _lines(source: ingest.Source, events: Iterable[Event], now: datetime.datetime) -> Iterable[str]:
    """Write each event as a line of COPY."""
    escape, received_at = member_rows.escape, now.isoformat()
    for place, one in enumerate(events):
        number = arrival.event_id(source.arrival, place)
        event_id = member_rows.NULL if one.event_id is None else escape(one.event_id)
        yield (
            f"{source.id}\t{escape(one.person_id)}\t{one.time.isoformat()}\t{number}\t"
            f"{escape(one.name)}\t{event_id}\t{received_at}\t{escape(one.properties)}\n"
        )


def _note(
    trip: Pipeline, source: ingest.Source, rejected: Collection[Rejected], *, now: datetime.datetime
) -> None:
    """Note the last of the rejected items, for an engineer that looks for them."""
    last = list(rejected)[-items.MAX_LISTED :]
    if last:
        rows = [
            (
                arrival.rejected_id(source.arrival, one.index),
                one.person_id,
                one.event,
                one.code.value,
                one.message,
            )
            for one in last
        ]
        ingest.note_rejected(trip, source.id, rows, now=now)


def _tell(slug: str, taken: Taken) -> None:
    _log.info(
        "people.accepted",
        source=slug,
        accepted=taken.accepted,
        duplicate=taken.duplicate,
        created=taken.created,
        rejected=len(taken.rejected),
    )
