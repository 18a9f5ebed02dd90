"""Looking up: cohorts, their members and their history, as they are at one moment."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Generic, TypedDict, TypeVar

import gateway
from gateway import errors
from gateway.core import etags, texts
from gateway.flows.cohorts import parts, redact_history
from gateway.flows.cohorts.parts import ListPage
from gateway.store.cohorts import changes as change_rows
from gateway.store.cohorts import (
    cohort_version,
    epochs,
    heard,
    history_redactions,
    memberships,
    session_reports,
)
from gateway.store.cohorts import cohorts as cohort_rows

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.etags import IfNoneMatch
    from gateway.flows.cohorts.read_routing import ReadRouter
    from gateway.store.cohorts.changes import Change
    from gateway.store.cohorts.cohort_version import Version
    from gateway.store.cohorts.memberships import Listed
    from gateway.store.cohorts.session_reports import Sync

Filter = cohort_rows.Filter
Cohort = cohort_rows.Cohort

NO_COHORT: Final = "no such cohort, or it was deleted"
# With more cohorts than this, only those a person is in are named: the names take longest.
FEW_COHORTS: Final = 2000
NEWEST_SYNC: Final = session_reports.NEWEST

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preconditions:
    """Preconditions of a request: ETags that the client holds, and the `min_seq` it requires."""

    held: IfNoneMatch = etags.NOTHING
    min_seq: int = 0


UNCONDITIONAL: Final = Preconditions()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tagged(Generic[T]):
    """An answer and its tag; None for an answer that the asker holds."""

    tag: str
    answer: T | None


class MembershipOf(TypedDict):
    """A cohort that a person is in, since when, as the response shows it.

    A person may be in many; a dataclass takes three times as long to make and to write.
    """

    id: str
    source: str
    project_id: str
    external_id: str
    name: str
    stale: bool
    entered_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """Some changes in order, the seq after which the next ones come, and the epoch of both.

    `deleted` tells whether the cohort is.
    """

    changes: Sequence[Change]
    next_after: int
    epoch: str
    deleted: bool


def tag_of(*parts: str | int | None) -> str:
    """Make the tag of an answer that is the same whenever these are, and this software is."""
    return etags.of(gateway.__version__, *parts)


def cohorts(
    readers: ReadRouter, which: Filter, *, after: int, limit: int, now: datetime.datetime
) -> ListPage[Cohort, tuple[int]]:
    """List cohorts by id."""

    def look(conn: Connection) -> Sequence[Cohort]:
        return cohort_rows.listing(conn, which, now=now, after=after, limit=limit + 1)

    return ListPage.cut(readers.ask(look), limit, lambda cohort: (cohort.id,))


def cohort(
    readers: ReadRouter, cohort_id: int, *, now: datetime.datetime, min_seq: int = 0
) -> Cohort:
    """Read a cohort. Raises errors.NotFound."""

    def look(conn: Connection) -> Cohort:
        return _there(cohort_rows.get(conn, cohort_id, now=now))

    return readers.ask_about(cohort_id, look, min_seq=min_seq)


def locked(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> Cohort:
    """Read a cohort as it is within the caller's transaction. Raises errors.NotFound."""
    return _there(cohort_rows.get(conn, cohort_id, now=now))


def members(
    readers: ReadRouter,
    cohort_id: int,
    *,
    after: str,
    limit: int,
    asker: Preconditions = UNCONDITIONAL,
) -> Tagged[ListPage[Listed, tuple[str]]]:
    """List the members of a cohort by the bytes of their ids. Raises errors.NotFound."""

    def tag(version: int) -> str:
        return tag_of("members", cohort_id, version, after, limit)

    def look(conn: Connection) -> Tagged[ListPage[Listed, tuple[str]]]:
        if held := _held(conn, cohort_id, asker, lambda now: tag(now.members)):
            return Tagged(tag=held, answer=None)
        most = parts.MAX_ROWS_BYTES
        listed = memberships.listing(conn, cohort_id, after=after, limit=limit, max_bytes=most)
        found = _there(listed)
        part = ListPage(
            items=found.members, more=found.more, position=lambda member: (member.member_id,)
        )
        return Tagged(tag=tag(found.version), answer=part)

    return readers.ask_about(cohort_id, look, min_seq=asker.min_seq)


def member(readers: ReadRouter, cohort_id: int, member_id: str, *, min_seq: int = 0) -> str:
    """Read a member as a JSON object. Raises errors.NotFound.

    A deleted cohort has no members, so it needs no look of its own.
    """

    def look(conn: Connection) -> str | None:
        return memberships.get(conn, cohort_id, member_id)

    found = readers.ask_about(cohort_id, look, min_seq=min_seq)
    if found is None:
        raise errors.NotFound("no member of this cohort has this id now")
    return found


def changes(
    readers: ReadRouter,
    cohort_id: int,
    *,
    after: int,
    limit: int,
    asker: Preconditions = UNCONDITIONAL,
) -> Tagged[Changes]:
    """List changes with a seq above `after`, also those of a cohort that was deleted.

    Raises errors.NotFound, errors.Gone if some of them are not kept any more, and errors.Ahead if
    `after` is beyond the newest.
    """

    def look(conn: Connection) -> Tagged[Changes]:
        epoch, due = epochs.get(conn), history_redactions.of_cohort(conn, cohort_id)

        def tag(version: int | None) -> str:
            hidden = [one.order for one in due]
            return tag_of("changes", cohort_id, epoch, version, after, limit, *hidden)

        if asker.held.tags:
            held = tag(cohort_version.of_changes(conn, cohort_id))
            if held in asker.held.tags:
                return Tagged(tag=held, answer=None)
        found = _there(change_rows.listing(conn, cohort_id, after=after, limit=limit))
        _require_kept(after, found.oldest_seq)
        next_after = found.changes[-1].seq if found.changes else after
        shown = redact_history.hide(conn, cohort_id, found.changes, due)
        part = Changes(changes=shown, next_after=next_after, epoch=epoch, deleted=found.deleted)
        return Tagged(tag=tag(found.version), answer=part)

    return readers.ask_about(cohort_id, look, min_seq=asker.min_seq, after=after)


def syncs(
    readers: ReadRouter,
    cohort_id: int,
    *,
    before: tuple[int, str],
    limit: int,
    asker: Preconditions = UNCONDITIONAL,
) -> Tagged[ListPage[Sync, tuple[int, str]]]:
    """List the syncs of a cohort, newest first. Raises errors.NotFound."""

    def tag(now: Version) -> str:
        at = None if now.heard_at is None else now.heard_at.isoformat()
        return tag_of("syncs", cohort_id, now.syncs, now.received, at, now.loads, *before, limit)

    def look(conn: Connection) -> Tagged[ListPage[Sync, tuple[int, str]]]:
        if held := _held(conn, cohort_id, asker, tag):
            return Tagged(tag=held, answer=None)
        found = _there(session_reports.listing(conn, cohort_id, before=before, limit=limit + 1))
        part = ListPage.cut(found.syncs, limit, lambda sync: (sync.session, sync.action))
        return Tagged(tag=tag(found.version), answer=part)

    return readers.ask_about(cohort_id, look, min_seq=asker.min_seq)


def cohorts_of(
    readers: ReadRouter,
    member_id: str,
    *,
    source: str | None,
    project_id: str | None,
    now: datetime.datetime,
    after: int = 0,
    limit: int | None = None,
) -> ListPage[MembershipOf, tuple[int]]:
    """List the cohorts that a person is in by id; none for an unknown id, all without a limit."""

    def look(conn: Connection) -> ListPage[MembershipOf, tuple[int]]:
        labels = cohort_rows.present(
            conn, source=source, project_id=project_id, limit=FEW_COHORTS + 1
        )
        few = len(labels) <= FEW_COHORTS
        ids = labels if few else cohort_rows.present_ids(conn, source=source, project_id=project_id)
        held = [one for one in memberships.held(conn, ids, member_id) if one[0] > after]
        wanted = held[:limit]
        if not few:
            labels = _labels(conn, [cohort_id for cohort_id, _ in wanted])
        judged = heard.of(conn, [one for one, _ in wanted], now=now)
        named = [
            _joined(labels[one], at, stale=one not in judged or judged[one].stale)
            for one, at in wanted
            if one in labels
        ]
        return ListPage(
            items=named, more=len(held) > len(named), position=lambda one: (int(one["id"]),)
        )

    return readers.ask(look)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """Which people are in which cohorts, and which of these are stale, by those that are there."""

    inside: Mapping[int | None, list[str]]
    stale: Mapping[int | None, bool]


def check(
    readers: ReadRouter,
    cohort_ids: Iterable[int | None],
    member_ids: Sequence[str],
    *,
    now: datetime.datetime,
) -> Checked:
    """Tell which of these people are in which of these cohorts."""
    possible = [cohort_id for cohort_id in cohort_ids if cohort_id is not None]

    def look(conn: Connection) -> Checked:
        inside = dict[int | None, list[str]]()
        for cohort_id, member_id in memberships.present(conn, possible, member_ids):
            people = inside.setdefault(cohort_id, [])
            if member_id is not None:
                people.append(member_id)
        judged = heard.of(conn, possible, now=now)
        stale = dict[int | None, bool]()
        stale.update((one, judged[one].stale) for one in judged if one in inside)
        return Checked(inside=inside, stale=stale)

    return readers.ask(look)


def _labels(conn: Connection, cohort_ids: Sequence[int]) -> dict[int, cohort_rows.Label]:
    """Name cohorts in the given order, until the names alone are more than an answer may be."""
    labels, room = dict[int, cohort_rows.Label](), parts.MAX_ROWS_BYTES
    for start in range(0, len(cohort_ids), FEW_COHORTS):
        some = cohort_rows.labels(conn, cohort_ids[start : start + FEW_COHORTS])
        labels |= some
        room -= sum(len(text) for _, *texts_of_it in some.values() for text in texts_of_it)
        if room < 0:
            break
    return labels


def _joined(
    cohort: cohort_rows.Label, entered_at: datetime.datetime, *, stale: bool
) -> MembershipOf:
    cohort_id, source, project_id, external_id, name = cohort
    return {
        "id": str(cohort_id),
        "source": source,
        "project_id": texts.id_of_kept(project_id),
        "external_id": external_id,
        "name": name,
        "stale": stale,
        "entered_at": entered_at,
    }


def _held(
    conn: Connection, cohort_id: int, asker: Preconditions, tag: Callable[[Version], str]
) -> str | None:
    """Return the tag of the answer if the asker holds that answer: one small read, if any."""
    if not asker.held.tags:
        return None
    now = cohort_version.get(conn, cohort_id)
    found = None if now is None else tag(now)
    return found if found in asker.held.tags else None


def _there(found: T | None) -> T:
    if found is None:
        raise errors.NotFound(NO_COHORT)
    return found


def _require_kept(after: int, oldest_seq: int) -> None:
    if after < oldest_seq - 1:
        message = f"changes before seq {oldest_seq} are not kept any more; list the members instead"
        raise errors.Gone(message, oldest_seq=oldest_seq)
