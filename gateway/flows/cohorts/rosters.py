"""The rosters of kept pages, as far as their session may still say something of the people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.cohorts import member_rows
from gateway.core.cohorts.page import Action
from gateway.flows.cohorts import erased
from gateway.store.cohorts import erasures, inbox, sessions, staging

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.flows.cohorts.erased import Place

# What is staged is only passed on.
STAGED_BYTES: Final = 4 << 20


def read(conn: Connection, place: Place, numbers: Sequence[int]) -> Iterator[bytes]:
    """Read deliveries of one session and action, as far as they can bring in or take out."""
    gone, heard = _erased(conn, place)
    bare = heard if place.action is Action.REMOVE else frozenset[bytes]()
    for text in _texts(conn, place, numbers):
        yield member_rows.without_digests(text, gone, bare=bare) if gone else text


def stage(conn: Connection, place: Place, numbers: Sequence[int]) -> tuple[list[str], int]:
    """Stage all that some deliveries of one session and action name, in their order.

    Returns the ids of members that are to stay what they are, and how many deliveries there were.
    """
    gone, heard = _erased(conn, place)
    waiting, size, spared, found = list[bytes](), 0, list[str](), 0
    for text in _texts(conn, place, numbers):
        found += 1
        spared += member_rows.named(text, heard) if heard else ()
        waiting.append(member_rows.without_digests(text, gone) if gone else text)
        size += len(waiting[-1])
        if size >= STAGED_BYTES:
            staging.copy(conn, waiting)
            waiting, size = [], 0
    staging.copy(conn, waiting)
    return spared, found


def _texts(conn: Connection, place: Place, numbers: Sequence[int]) -> Iterator[bytes]:
    return (inbox.unpack(packed) for _, packed in inbox.rosters(conn, place.cohort_id, numbers))


def _erased(conn: Connection, place: Place) -> tuple[Mapping[bytes, int], frozenset[bytes]]:
    """Find the erasures after a session began, and those about which it is heard all the same."""
    session = sessions.get(conn, place.cohort_id, place.session)
    if not session.erased_since:
        return {}, frozenset()
    gone = erasures.of_cohort(conn, place.cohort_id, session.started_order)
    return gone, erased.heard(conn, place.cohort_id, place.session, gone)
