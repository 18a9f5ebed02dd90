"""The sources as a person looks them over: how each fares, and what was refused."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.sources import condition
from gateway.flows.cohorts.parts import ListPage
from gateway.store.sources import overview, refusals, sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from gateway.core.sources.condition import Condition
    from gateway.store.db.engine import Pool
    from gateway.store.sources.overview import Row
    from gateway.store.sources.refusals import Refusal

# A page shows so many refusals of one source.
REFUSALS_SHOWN: Final = 50


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
        logins = [
            pair
            for one in sources.listing(conn, now=now, slug=slug)
            for pair in zip(one.usernames, one.credentials_end_at, strict=True)
        ]
    return Single(standing=judged(rows[0], now=now), refusals=refused, logins=logins)
