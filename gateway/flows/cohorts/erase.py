"""Erasing: a person goes from every membership, from the history and from the inbox.

First the erasure is noted, so that whatever is accepted or applied from then on leaves this person
out of sessions that had begun. Then the person is taken out of the cohorts where a reader would
find them, however many cohorts there are beside those. The ids in the history and the lines in the
inbox follow as `redact` and `scrub` get to them; until then no reader is shown them.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import TYPE_CHECKING, Final

from gateway.flows.cohorts import redact_history, redact_pages, visit
from gateway.store.cohorts import (
    attempts,
    cohorts,
    erasures,
    history_redactions,
    inbox,
    memberships,
    page_redactions,
)

if TYPE_CHECKING:
    import datetime

    from gateway.store.db.engine import Pool

# How soon a request has its answer (interface 2), waiting for locks included, and until when it
# begins another slice of what no reader is shown.
LOCK_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 7.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """In which source and project; None means in all of them."""

    source: str | None = None
    project_id: str | None = None


def erase(
    pool: Pool,
    member_id: str,
    where: Where,
    *,
    now: datetime.datetime,
    lock_seconds: float = LOCK_SECONDS,
    redact_seconds: float = redact_history.REQUEST_SECONDS,
    scrub_seconds: float = redact_pages.REQUEST_SECONDS,
    answer_seconds: float = REQUEST_SECONDS,
) -> bool:
    """Erase a person; nothing is left to read when this returns, and again is harmless.

    False if there was too much history, or too many kept pages, for the time that is given; the
    scheduler does the rest. Raises errors.Unavailable if a running apply holds it up; what was done
    by then stays done, and calling again finishes it.
    """
    end = time.monotonic() + answer_seconds
    with pool.begin() as conn:
        order = erasures.put(
            conn, member_id, source=where.source, project_id=where.project_id, now=now
        )
        history_redactions.put(conn, order, member_id)
        page_redactions.put(conn, order)
    act = functools.partial(erasures.forget, member_id=member_id, order=order, now=now)
    patience = visit.Patience(lock_seconds)
    visit.each(pool, _concerned(pool, member_id, where), act, patience=patience)
    seconds = min(redact_seconds, max(0.0, end - time.monotonic()))
    redacted = redact_history.begin(pool, order, now=now, seconds=seconds)
    seconds = min(scrub_seconds, max(0.0, end - time.monotonic()))
    return redact_pages.begin(pool, order, seconds=seconds) and redacted


def _concerned(pool: Pool, member_id: str, where: Where) -> list[int]:
    """List the cohorts where a person is, or may be once a running apply has committed.

    One that began before the erasure was noted does not know of it; until it commits, what it
    applies still waits, or its attempt is noted: that of an edit that never waits. Whatever begins
    later leaves the person out by itself.
    """
    with pool.read() as conn:
        cohort_ids = cohorts.ever(conn, source=where.source, project_id=where.project_id)
        at_work = attempts.under_way(conn) | set(inbox.waiting_cohorts(conn))
        being_applied = at_work.intersection(cohort_ids)
        # Read last, so what was committed meanwhile is seen.
        return sorted(being_applied | memberships.known(conn, cohort_ids, member_id))
