"""Browsing: cohorts and what is in them, as a person looks for it in pages."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts import curve
from gateway.flows.cohorts import lookup, redact_history
from gateway.flows.cohorts.parts import ListPage
from gateway.store.cohorts import browse, history_redactions, hours
from gateway.store.cohorts import cohorts as cohort_rows

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from gateway.core.cohorts.curve import Point
    from gateway.flows.cohorts.lookup import Filter
    from gateway.flows.cohorts.read_routing import ReadRouter
    from gateway.store.cohorts.browse import Member, Stake
    from gateway.store.cohorts.changes import Change
    from gateway.store.cohorts.cohorts import Cohort

NEWEST_CHANGE: Final = 2**63 - 1
NOTHING: Final = browse.Stake(members=0, pages=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sized:
    """A cohort, a part of its members, and its size over some time."""

    cohort: Cohort
    members: ListPage[Member, tuple[str]]
    sizes: Sequence[Point]


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """A cohort and a part of its changes, the newest first."""

    cohort: Cohort
    changes: ListPage[Change, tuple[int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endangered:
    """A cohort, and what its deletion would do."""

    cohort: Cohort
    stake: Stake


def names(readers: ReadRouter, cohort_ids: Collection[int]) -> dict[int, str]:
    """Name cohorts by their ids, deleted ones too; those that never were are left out."""
    if not cohort_ids:
        return {}
    found = readers.ask(lambda conn: cohort_rows.labels(conn, sorted(cohort_ids)))
    return {cohort_id: label[4] for cohort_id, label in found.items()}


def cohorts(
    readers: ReadRouter,
    which: Filter,
    *,
    search: str,
    after: int,
    limit: int,
    now: datetime.datetime,
) -> ListPage[Cohort, tuple[int]]:
    """List cohorts by id, with this text in their name or for their id at the source."""

    def look(conn: Connection) -> Sequence[Cohort]:
        return cohort_rows.listing(
            conn, which, now=now, after=after, limit=limit + 1, find=search or None
        )

    return ListPage.cut(readers.ask(look), limit, lambda cohort: (cohort.id,))


def members(
    readers: ReadRouter,
    cohort_id: int,
    *,
    prefix: str,
    after: str,
    limit: int,
    since: datetime.datetime,
    now: datetime.datetime,
) -> Sized:
    """Look at members with ids of this beginning, and at the size since then.

    Raises errors.NotFound.
    """

    def look(conn: Connection) -> Sized:
        found = _require(conn, cohort_id, now)
        rows = browse.members(conn, cohort_id, prefix=prefix, after=after, limit=limit + 1)
        listed = hours.listing(conn, cohort_id, since=since, step=curve.step(since, now))
        known = [(one.hour, one.members) for one in listed]
        return Sized(
            cohort=found,
            members=ListPage.cut(rows, limit, lambda member: (member.member_id,)),
            sizes=curve.sizes(known, since=since, now=now, members=found.member_count),
        )

    return readers.ask(look)


def changes(
    readers: ReadRouter, cohort_id: int, *, before: int, limit: int, now: datetime.datetime
) -> History:
    """Look at the changes before one, the newest first. Raises errors.NotFound."""

    def look(conn: Connection) -> History:
        found = _require(conn, cohort_id, now)
        due = history_redactions.of_cohort(conn, cohort_id)
        rows = browse.newest_changes(conn, cohort_id, before=before, limit=limit + 1)
        shown = redact_history.hide(conn, cohort_id, rows, due)
        return History(cohort=found, changes=ListPage.cut(shown, limit, lambda one: (one.seq,)))

    return readers.ask(look)


def endangered(readers: ReadRouter, cohort_id: int, *, now: datetime.datetime) -> Endangered:
    """Say what the deletion of a cohort would do. Raises errors.NotFound."""

    def look(conn: Connection) -> Endangered:
        found = _require(conn, cohort_id, now)
        lost = browse.stake(conn, cohort_id) or NOTHING  # it may be deleted in between
        return Endangered(cohort=found, stake=lost)

    return readers.ask(look)


def _require(conn: Connection, cohort_id: int, now: datetime.datetime) -> Cohort:
    found = cohort_rows.get(conn, cohort_id, now=now)
    if found is None:
        raise errors.NotFound(lookup.NO_COHORT)
    return found
