"""Rejected actions: which of a source Mixpanel refused, and its words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.flows.cohorts.parts import ListPage
from gateway.flows.sources import admin
from gateway.store.syncs import action_outbox

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

NEWEST: Final = (2**63 - 1,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectedAction:
    """An action that is not sent again."""

    id: int
    member_id: str
    cohort_id: str | None
    action: str
    key: str
    at: datetime.datetime
    message: str
    rejected_at: datetime.datetime


def listing(
    pool: Pool, slug: str, *, before: int, limit: int, now: datetime.datetime
) -> ListPage[RejectedAction, tuple[int]]:
    """List the rejected actions of a source, the newest first. Raises errors.NotFound."""
    admin.require(pool, slug, now=now)
    with pool.read() as conn:
        rows = action_outbox.rejections(conn, slug, before=before, limit=limit + 1)
    return ListPage.cut([_shown(one) for one in rows], limit, lambda one: (one.id,))


def newest(conn: Connection, slug: str, *, limit: int) -> list[RejectedAction]:
    """List the newest."""
    rows = action_outbox.rejections(conn, slug, before=NEWEST[0], limit=limit)
    return [_shown(one) for one in rows]


def _shown(one: action_outbox.Rejected) -> RejectedAction:
    return RejectedAction(
        id=one.id,
        member_id=one.member_id,
        cohort_id=None if one.cohort is None else str(one.cohort),
        action=one.action,
        key=one.key,
        at=one.at,
        message=one.message,
        rejected_at=one.rejected_at,
    )
