"""Notices as people look at them: the troubles that there are, and what was told of."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.flows.cohorts.parts import ListPage
from gateway.store.notices import outbox, troubles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.db.engine import Pool
    from gateway.store.notices.outbox import Told
    from gateway.store.notices.troubles import Begun

NEWEST = (2**63 - 1,)
# More troubles than a person reads one by one.
MOST_TROUBLES = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notices:
    """What needs a person now, the newest first, and a part of the messages."""

    troubles: Sequence[Begun]
    messages: ListPage[Told, tuple[int]]


def look(pool: Pool, *, before: int, limit: int) -> Notices:
    """List both, with two statements."""
    with pool.read() as conn:
        begun = troubles.begun(conn, limit=MOST_TROUBLES)
        told = outbox.listing(conn, before=before, limit=limit + 1)
    return Notices(troubles=begun, messages=ListPage.cut(told, limit, lambda one: (one.id,)))
