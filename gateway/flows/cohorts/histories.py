"""Looking up the history of one member in a cohort of any kind."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts import history as rules
from gateway.flows.cohorts import lookup, redact_history
from gateway.flows.cohorts.retention import HISTORY_KEPT
from gateway.store.cohorts import histories, history_redactions

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.flows.cohorts.read_routing import ReadRouter
    from gateway.store.cohorts.changes import Change

# Beyond so many the older ones are not told.
MOST_CHANGES: Final = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """The changes of a member, the newest first.

    `member_at` is None if no moment was asked about, or what is kept does not tell.
    """

    changes: Sequence[Change]
    member_now: bool
    member_at: bool | None


def of_member(
    readers: ReadRouter,
    cohort_id: int,
    member_id: str,
    *,
    at: datetime.datetime | None,
    now: datetime.datetime,
    min_seq: int = 0,
) -> History:
    """Look up what is kept of a member's changes. Raises errors.NotFound."""

    def look(conn: Connection) -> History:
        found = histories.of_member(conn, cohort_id, member_id, limit=MOST_CHANGES)
        if found is None:
            raise errors.NotFound(lookup.NO_COHORT)
        due = history_redactions.of_cohort(conn, cohort_id)
        shown = redact_history.hide(conn, cohort_id, found.changes, due)
        changes = [one for one in shown if one.member_id is not None]
        member_at = None if at is None else _was_member(found, changes, at, now)
        return History(changes=changes, member_now=found.is_member, member_at=member_at)

    return readers.ask_about(cohort_id, look, min_seq=min_seq)


def _was_member(
    found: histories.History,
    changes: Sequence[Change],
    at: datetime.datetime,
    now: datetime.datetime,
) -> bool | None:
    steps = [rules.Step(entered=one.change == "entered", at=one.at) for one in changes]
    reaches = found.kept.reaches(at, pruned_before=now - HISTORY_KEPT)
    whole = len(found.changes) < MOST_CHANGES
    return rules.was_member(steps, at, is_member=found.is_member, reaches=reaches and whole)
