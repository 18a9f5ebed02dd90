"""The sources as a person looks them over: how each fares, and what was refused."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.sources import condition
from gateway.flows.cohorts.parts import ListPage
from gateway.flows.sources import catalog, rejected_actions
from gateway.store.sources import overview, refusals, sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.core.sources.condition import Condition
    from gateway.flows.sources.catalog import Forwarding
    from gateway.flows.sources.rejected_actions import RejectedAction
    from gateway.store.db.engine import Pool
    from gateway.store.sources.overview import Row
    from gateway.store.sources.refusals import Refusal
    from gateway.store.sources.sources import Listed

# A page shows so many refusals of one source.
REFUSALS_SHOWN: Final = 50
REJECTED_SHOWN: Final = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """A source and its condition."""

    source: Row
    condition: Condition


@dataclasses.dataclass(frozen=True, kw_only=True)
class Single:
    """A source, its newest refusals, and its user names with the ends of their passwords."""

    standing: Standing
    refusals: Sequence[Refusal]
    logins: Sequence[tuple[str, datetime.datetime | None]]
    forwarding: Forwarding | None
    rejected: Sequence[RejectedAction]


def judged(row: Row, *, now: datetime.datetime) -> Standing:
    found = condition.judge(
        paused=row.paused_at is not None,
        every_seconds=row.expected_every_seconds,
        heard_at=row.heard_at,
        now=now,
    )
    return Standing(source=row, condition=found)


def listing(
    pool: Pool, *, after: str, limit: int, now: datetime.datetime
) -> ListPage[Standing, tuple[str]]:
    """List the sources by slug."""
    with pool.read() as conn:
        rows = overview.listing(conn, now=now, after=after, limit=limit + 1)
    found = [judged(row, now=now) for row in rows]
    return ListPage.cut(found, limit, lambda one: (one.source.slug,))


def single(pool: Pool, slug: str, *, now: datetime.datetime) -> Single:
    """Look at one source. Raises errors.NotFound."""
    with pool.read() as conn:
        rows = overview.listing(conn, now=now, slug=slug, limit=1)
        if not rows:
            raise errors.NotFound("no such source, or it was removed")
        refused = refusals.listing(
            conn, source=slug, since=None, before=2**63 - 1, limit=REFUSALS_SHOWN
        )
        listed = sources.listing(conn, now=now, slug=slug)
        forwarding, rejected = _forwarding(conn, listed)
    logins = [
        pair for one in listed for pair in zip(one.usernames, one.credentials_end_at, strict=True)
    ]
    return Single(
        standing=judged(rows[0], now=now),
        refusals=refused,
        logins=logins,
        forwarding=forwarding,
        rejected=rejected,
    )


def _forwarding(
    conn: Connection, listed: Sequence[Listed]
) -> tuple[Forwarding | None, Sequence[RejectedAction]]:
    """Look at what becomes of the actions of a source; nothing to see where none is forwarded."""
    for one in listed:
        found = catalog.forwarding(conn, [one.id]) if one.config.get("import") else {}
        if one.id in found:
            newest = rejected_actions.newest(conn, one.slug, limit=REJECTED_SHOWN)
            return found[one.id], newest
    return None, ()
