"""Actions on members: recorded by services, so that each is taken once."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Final

from gateway.core.syncs import action as rules
from gateway.core.syncs.action import Action, Placed, Rejected
from gateway.store.db import chores
from gateway.store.syncs import action_outbox, actions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.syncs.action import Identity
    from gateway.flows.cohorts.erase import Where
    from gateway.store.db.engine import Pool

CHORE: Final = "actions"
EVERY_SECONDS: Final = 3600.0
LEASE_SECONDS: Final = 120.0
# Interface 12.
KEPT: Final = datetime.timedelta(days=400)
ROWS_AT_ONCE: Final = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one action."""

    first: bool
    rejected: Rejected | None = None


def record(
    pool: Pool, sent: Sequence[Action | Rejected], *, now: datetime.datetime
) -> list[Result]:
    """Record actions, and tell of each in their order whether it is the first."""
    with pool.begin() as conn:
        found = list(_place(conn, sent))
        placed = [one for one in found if isinstance(one, Placed)]
        unique = {one.identity: one for one in reversed(placed)}  # of several, the first
        new = actions.put(conn, list(unique.values()), now=now) if unique else set()
        _leave(conn, [one for one in reversed(unique) if one in new])
        claims = actions.claims(conn, list(unique)) if unique else {}
    firsts = iter(rules.firsts(placed, claims, new=new))
    return [
        Result(first=False, rejected=one)
        if isinstance(one, Rejected)
        else Result(first=next(firsts))
        for one in found
    ]


def forget(pool: Pool, member_id: str, where: Where) -> None:
    """Erase the actions on a person; again is harmless."""
    with pool.begin() as conn:
        erased = actions.erase(conn, member_id, source=where.source, project_id=where.project_id)
        if erased:
            action_outbox.forget(conn, erased)


def prune(pool: Pool, *, every_seconds: float = EVERY_SECONDS, at_once: int = ROWS_AT_ONCE) -> int:
    """Delete the actions that are kept no longer, if that is due; returns how many."""
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
        if claimed is None:
            return 0
        pruned = actions.prune(conn, before=claimed.begun_at - KEPT, limit=at_once)
        if pruned:
            action_outbox.forget(conn, pruned)
        chores.give_back(conn, CHORE, after=chores.FIRST if len(pruned) == at_once else 0)
    return len(pruned)


def _leave(conn: Connection, new: Sequence[Identity]) -> None:
    """Leave new actions to be sent to Mixpanel, of the sources that forward them."""
    forwarding = action_outbox.forwarding(conn, {one[0] for one in new}) if new else set()
    if wanted := [one for one in new if one[0] in forwarding]:
        action_outbox.put(conn, wanted)


def _place(conn: Connection, sent: Sequence[Action | Rejected]) -> Iterator[Placed | Rejected]:
    """Find the source of each action."""
    good = [one for one in sent if isinstance(one, Action)]
    by_slug = actions.sources(conn, sorted({one.source for one in good if one.source is not None}))
    numbers = {one.cohort_id for one in good if one.cohort_id is not None}
    by_cohort = actions.of_cohorts(conn, sorted(numbers))
    for one in sent:
        yield one if isinstance(one, Rejected) else _placed(one, by_slug, by_cohort)


def _placed(
    one: Action, by_slug: Mapping[str, int], by_cohort: Mapping[int, tuple[int, str]]
) -> Placed | Rejected:
    if one.cohort_id is not None:
        found = by_cohort.get(one.cohort_id)
        if found is None:
            return Rejected(code="no_cohort", message="cohort_id: there is no such cohort")
        source_id, slug = found
        if one.source not in (None, slug):
            message = f"source: the cohort is of the source {slug}"
            return Rejected(code="other_source", message=message)
        return Placed(source_id=source_id, sent=one)
    if one.source is None:
        message = "source: say which, or name a cohort"
        return Rejected(code="no_source", message=message)
    if one.source not in by_slug:
        return Rejected(code="no_source", message="source: there is no such source")
    return Placed(source_id=by_slug[one.source], sent=one)
