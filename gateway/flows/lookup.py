"""Looking up: cohorts, their members and their history, as they are at one moment."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from gateway import errors
from gateway.core import freshness
from gateway.store import changes as change_rows
from gateway.store import cohorts as cohort_rows
from gateway.store import memberships, reports

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Sequence

    from gateway.store.changes import Change
    from gateway.store.cohorts import Cohort
    from gateway.store.engine import Pool
    from gateway.store.memberships import Listed
    from gateway.store.reports import Sync

Filter = cohort_rows.Filter

NO_COHORT: Final = "no such cohort, or it was deleted"
NEWEST_SYNC: Final = reports.NEWEST

T = TypeVar("T")
P = TypeVar("P")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice(Generic[T, P]):
    """A part of a list; the next one begins after `end`, None if this was the last."""

    items: Sequence[T]
    end: P | None

    @classmethod
    def cut(cls, found: Sequence[T], limit: int, position: Callable[[T], P]) -> Slice[T, P]:
        """Cut a part from what was found with one too many, to see whether there is more."""
        more = len(found) > limit
        return cls(items=found[:limit], end=position(found[limit - 1]) if more else None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Joined:
    """A cohort that somebody is in, since when."""

    id: int
    source: str
    project_id: str
    external_id: str
    name: str
    entered_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """Some changes in order, and the seq after which the next ones come."""

    changes: Sequence[Change]
    next_after: int


def cohorts(
    pool: Pool, which: Filter, *, after: int, limit: int, now: datetime.datetime
) -> Slice[Cohort, tuple[int]]:
    """List cohorts by id."""
    stale_before = freshness.stale_before(now)
    with pool.read() as conn:
        found = cohort_rows.listing(
            conn, which, stale_before=stale_before, after=after, limit=limit + 1
        )
    return Slice.cut(found, limit, lambda cohort: (cohort.id,))


def cohort(pool: Pool, cohort_id: int, *, now: datetime.datetime) -> Cohort:
    """Read a cohort. Raises errors.NotFound."""
    with pool.read() as conn:
        found = cohort_rows.get(conn, cohort_id, stale_before=freshness.stale_before(now))
    if found is None:
        raise errors.NotFound(NO_COHORT)
    return found


def members(pool: Pool, cohort_id: int, *, after: str, limit: int) -> Slice[Listed, tuple[str]]:
    """List the members of a cohort by the bytes of their ids. Raises errors.NotFound."""
    with pool.read() as conn:
        found = memberships.listing(conn, cohort_id, after=after, limit=limit + 1)
        # Afterwards, because a deletion in between must not look like an empty cohort.
        if not cohort_rows.exists(conn, cohort_id):
            raise errors.NotFound(NO_COHORT)
    return Slice.cut(found, limit, lambda member: (member.member_id,))


def member(pool: Pool, cohort_id: int, member_id: str) -> str:
    """Read a member as a JSON object. Raises errors.NotFound.

    A deleted cohort has no members, so it needs no look of its own.
    """
    with pool.read() as conn:
        found = memberships.get(conn, cohort_id, member_id)
    if found is None:
        raise errors.NotFound("nobody with this id is a member of this cohort now")
    return found


def changes(pool: Pool, cohort_id: int, *, after: int, limit: int) -> Changes:
    """List changes with a seq above `after`.

    Raises errors.NotFound, and errors.Gone if some of them are not kept any more.
    """
    with pool.read() as conn:
        found = change_rows.listing(conn, cohort_id, after=after, limit=limit)
        # Afterwards: what retention takes away between the two reads must be reported as gone.
        if not cohort_rows.exists(conn, cohort_id):
            raise errors.NotFound(NO_COHORT)
        oldest_seq = change_rows.oldest(conn, cohort_id)
    if after < oldest_seq - 1:
        message = f"changes before seq {oldest_seq} are not kept any more; list the members instead"
        raise errors.Gone(message, oldest_seq=oldest_seq)
    return Changes(changes=found, next_after=found[-1].seq if found else after)


def syncs(
    pool: Pool, cohort_id: int, *, before: tuple[int, str], limit: int
) -> Slice[Sync, tuple[int, str]]:
    """List the syncs of a cohort, newest first. Raises errors.NotFound."""
    with pool.read() as conn:
        found = reports.listing(conn, cohort_id, before=before, limit=limit + 1)
        if not cohort_rows.exists(conn, cohort_id):
            raise errors.NotFound(NO_COHORT)
    return Slice.cut(found, limit, lambda sync: (sync.session, sync.action))


def cohorts_of(
    pool: Pool, member_id: str, *, source: str | None, project_id: str | None
) -> list[Joined]:
    """List the cohorts that somebody is in; none for a stranger."""
    with pool.read() as conn:
        cohort_ids = cohort_rows.present(conn, source=source, project_id=project_id)
        held = memberships.held(conn, cohort_ids, member_id)
        labels = cohort_rows.labels(conn, [one.cohort_id for one in held]) if held else {}
    return [
        Joined(**dataclasses.asdict(labels[one.cohort_id]), entered_at=one.entered_at)
        for one in held
        if one.cohort_id in labels
    ]


def check(
    pool: Pool, cohort_ids: Iterable[int | None], member_ids: Sequence[str]
) -> dict[int | None, list[str]]:
    """Tell which of these people are in which of these cohorts; an unknown cohort has nobody."""
    known = [cohort_id for cohort_id in cohort_ids if cohort_id is not None]
    with pool.read() as conn:
        pairs = memberships.present(conn, known, member_ids)
    inside: dict[int | None, list[str]] = {cohort_id: [] for cohort_id in known}
    for cohort_id, member_id in pairs:
        inside[cohort_id].append(member_id)
    return inside
