"""What of a person was sent where: the rows of ledgers, and what receivers of changes were told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import orjson

from gateway.core import fields
from gateway.destinations.facts import Way
from gateway.flows.cohorts.parts import ListPage
from gateway.flows.syncs import numbers
from gateway.store.syncs import hidden, ledger
from gateway.store.syncs import sent as rows

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.sent import Job, Place, Row, Touched

State = ledger.State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identifier:
    """What stands for a person at a destination; a hashed value is left out."""

    name: str
    hashed: str
    value: object


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """A set of identifiers that stands there, or may, and since when; None if that is not known."""

    state: State
    identifiers: Sequence[Identifier]
    at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sent:
    """What a job has sent of a person."""

    job_id: int
    place: Place
    forms: Sequence[Form]


def of_person(
    pool: Pool, setup: Setup, person_id: str, *, after: int, limit: int
) -> ListPage[Sent, tuple[int]]:
    """List what was sent of a person, by job.

    A destination that was removed has nothing: what stands there is beyond the gateway.
    """
    with pool.read() as conn:
        jobs = rows.jobs(conn, after=after)
        follow = {one.id: one for one in jobs if _follows(setup, one.kind)}
        kept: dict[int, list[Row]] = {}
        for one in rows.rows(conn, jobs, person_id):
            kept.setdefault(one.job_id, []).append(one)
        told = {
            one.job_id: (one, state)
            for one in rows.touched(conn, list(follow.values()), person_id)
            if (state := _told(follow[one.job_id], one, person_id)) is not None
        }
        wanted = sorted({*kept, *told})[: limit + 1]
        named = rows.places(conn, wanted)
    listed = [
        Sent(
            job_id=one,
            place=named[one],
            forms=[_of_ledger(setup, named[one], row) for row in kept[one]]
            if one in kept
            else [_of_changes(named[one], *told[one], person_id)],
        )
        for one in wanted
    ]
    return ListPage.cut(listed, limit, lambda one: (one.job_id,))


def _follows(setup: Setup, kind: str) -> bool:
    return kind in setup.kinds and setup.kinds[kind].facts.way is Way.CHANGES


def _told(job: Job, one: Touched, person_id: str) -> State | None:
    """Tell what a receiver of changes knows of a person; None if nothing, or of the exit."""
    is_behind = job.delivered < one.last_change
    if one.entered_at is None:
        return State.SENDING if is_behind else None
    if one.entered_at <= job.created_at and not _was_first(job, person_id):
        return None
    return State.SENDING if is_behind else State.PRESENT


def _was_first(job: Job, person_id: str) -> bool:
    """Tell whether a member from before the job was told of; Postgres compares bytes."""
    if not job.begins:
        return False
    return job.first_after is None or person_id.encode() <= job.first_after.encode()


def _of_ledger(setup: Setup, place: Place, one: Row) -> Form:
    is_hidden = one.state == hidden.State.LEAVING
    return Form(
        state=State.LEAVING if is_hidden else State(one.state),
        identifiers=_identifiers(setup, place, orjson.loads(one.sent)),
        at=None if one.batch is None or is_hidden else numbers.moment(one.batch),
    )


def _of_changes(place: Place, one: Touched, state: State, person_id: str) -> Form:
    """Tell what a message says of a member: the id, and the names of what else is mapped."""
    others = [name for name in place.mapping if name != "member_id"]
    return Form(
        state=state,
        identifiers=[
            Identifier(name="member_id", hashed="", value=person_id),
            *(Identifier(name=name, hashed="", value=None) for name in others),
        ],
        at=one.entered_at,
    )


def _identifiers(setup: Setup, place: Place, sent: Mapping[str, object]) -> list[Identifier]:
    """Tell the identifiers of a row; of a kind that is not known here, no value is shown."""
    kind = setup.kinds.get(place.kind)
    if kind is None:
        return [Identifier(name=name, hashed="", value=None) for name in sent]
    facts = kind.told(fields.shown(kind.config, place.config))
    hashed = {one.name: one.hashed for one in facts.identifiers if one.hashed}
    return [
        Identifier(name=name, hashed=hashed.get(name, ""), value=None if name in hashed else value)
        for name, value in sent.items()
    ]
