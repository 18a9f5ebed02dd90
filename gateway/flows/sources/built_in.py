"""The sources that come with the gateway: made wherever they are missing, and never removed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.core.access.actor import GATEWAY
from gateway.sources import kinds
from gateway.store.db import audit
from gateway.store.sources import sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """A source that comes with the gateway, and the kind that its slug has; None if it is free."""

    slug: str
    kind: str
    found: str | None

    @property
    def is_there(self) -> bool:
        return self.found == self.kind


def make(pool: Pool, *, now: datetime.datetime) -> list[str]:
    """Make those that are missing; returns a line for each: what was done, or why nothing was."""
    with pool.begin() as conn:
        return ensure(conn, now=now)


def ensure(conn: Connection, *, now: datetime.datetime) -> list[str]:
    """Make those that are missing, in the caller's transaction; returns lines as `make` does."""
    return [f"source {one.slug}: {_made(conn, one, now=now)}" for one in look(conn)]


def look(conn: Connection) -> Iterator[BuiltIn]:
    """Look which of them are there; a slug of theirs that a source has already stays with it."""
    for kind in kinds.KINDS.values():
        if kind.built_in is not None:
            found = sources.kind_of(conn, kind.built_in)
            yield BuiltIn(slug=kind.built_in, kind=kind.name, found=found)


def is_one(slug: str, kind: str) -> bool:
    """Tell whether a source with this slug and of this kind comes with the gateway."""
    known = kinds.KINDS.get(kind)
    return known is not None and known.built_in == slug


def _made(conn: Connection, one: BuiltIn, *, now: datetime.datetime) -> str:
    if one.is_there:
        return "there already"
    if one.found is not None:
        return f"not made: a source of kind {one.found} has this slug"
    made = sources.Made(slug=one.slug, kind=one.kind, config={})
    if sources.create(conn, made, expected_every_seconds=None, now=now) is None:
        return "there already"  # of another process, just now
    audit.write(conn, GATEWAY, "source.created", one.slug, now=now, kind=one.kind)
    return "made"
