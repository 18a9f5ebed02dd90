"""The sources as services and operators see them: what each is set to, and how it fares."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.flows.cohorts.parts import Slice
from gateway.store.sources import refusals, sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool
    from gateway.store.sources.sources import Listed

MIXPANEL: Final = "mixpanel"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What a source was made with; no project means any, no property Mixpanel's distinct id."""

    identity_property: str | None
    project_ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trouble:
    """What keeps a source from its work, since it last was at it."""

    code: str
    message: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A source, without anything secret."""

    slug: str
    kind: str
    name: str
    paused: bool
    config: Config
    cohort_count: int
    created_at: datetime.datetime
    last_ok_at: datetime.datetime | None
    last_error: Trouble | None


def listing(
    pool: Pool, *, kind: str | None, after: str, limit: int, now: datetime.datetime
) -> Slice[Entry, tuple[str]]:
    """List the sources by slug, or those of one kind."""
    if kind not in (None, MIXPANEL):
        return Slice.cut((), limit, _position)
    with pool.read() as conn:
        found = sources.listing(conn, now=now, after=after, limit=limit + 1)
        return Slice.cut(_entries(conn, found), limit, _position)


def entry(pool: Pool, slug: str, *, now: datetime.datetime) -> Entry:
    """Read one source. Raises errors.NotFound."""
    with pool.read() as conn:
        found = _entries(conn, sources.listing(conn, now=now, slug=slug))
    if not found:
        raise errors.NotFound("no such source, or it was removed")
    return found[0]


def _position(entry: Entry) -> tuple[str]:
    return (entry.slug,)


def _entries(conn: Connection, found: Sequence[Listed]) -> list[Entry]:
    pages = sources.last_pages(conn, [one.slug for one in found])
    troubles = _troubles(conn)
    return [
        Entry(
            slug=one.slug,
            kind=MIXPANEL,
            name=one.name,
            paused=one.paused_at is not None,
            config=Config(identity_property=one.identity_property, project_ids=one.project_ids),
            cohort_count=one.cohorts,
            created_at=one.created_at,
            last_ok_at=pages.get(one.slug),
            last_error=troubles.get(one.slug),
        )
        for one in found
    ]


def _troubles(conn: Connection) -> dict[str, Trouble]:
    """Find the newest refusal of each source that is not over."""
    found = sorted(refusals.unresolved(conn), key=lambda one: one.last_at)
    return {
        one.source: Trouble(code=_CODES[one.status], message=one.message, at=one.last_at)
        for one in found
    }


_CODES: Final = {
    kind.status: kind.code
    for kind in (errors.Malformed, errors.Unauthenticated, errors.Forbidden, errors.NotFound)
}
