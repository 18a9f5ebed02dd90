"""What the pages of a session may still say of people erased after it began.

Such pages never bring a person in, and are stored without the person's data. But a later session
may have brought the person back, and in this cohort that session may come before the one which
began earlier: a session that was first heard of elsewhere is the newest here when it arrives here.
What its pages say of the person then counts as ever, as far as it needs an id alone: a removal
removes, and a refresh keeps the people it names.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.core.cohorts import member_rows
from gateway.core.cohorts.page import Action
from gateway.store.cohorts import sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a page belongs: its cohort, the number of its session, and its action."""

    cohort_id: int
    session: int
    action: Action


def heard(
    conn: Connection, cohort_id: int, session: int, erased: Mapping[bytes, int]
) -> frozenset[bytes]:
    """Tell for which people a session still counts, by digest with their erasures' orders.

    Those are the ones that a session before it here may bring back. Of all others it has
    nothing to say: a session that brings them back is newer.
    """
    latest = sessions.latest_start(conn, cohort_id, before=session) if erased else 0
    return frozenset(digest for digest, order in erased.items() if order < latest)


def keep(conn: Connection, place: Place, text: bytes, erased: Mapping[bytes, int]) -> bytes:
    """Return what may be kept of a page's roster; the very same object if that is all of it."""
    rest = member_rows.without_digests(text, erased)
    if rest is text or place.action is Action.ADD:
        return rest
    bare = heard(conn, place.cohort_id, place.session, erased)
    return member_rows.without_digests(text, erased, bare=bare)
