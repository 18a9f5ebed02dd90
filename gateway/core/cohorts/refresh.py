"""What to do with the waiting pages of a full refresh, and what state a sync is in."""

from __future__ import annotations

import enum

# Pages of a refresh that keep coming wait for it, so that a cohort is compared once. The contract
# allows 5 s after the newest page; the sweeper may need one more to come by.
QUIET_SECONDS = 2.0


class Step(enum.Enum):
    """What applying does next with a refresh."""

    WAIT = enum.auto()
    ADD = enum.auto()
    COMPLETE = enum.auto()


class State(enum.StrEnum):
    """How far a sync has come."""

    RECEIVING = "receiving"
    APPLIED = "applied"
    SUPERSEDED = "superseded"
    BLOCKED = "blocked"


def next_step(*, complete: bool, all_received: bool, interrupted: bool, age_seconds: float) -> Step:
    """Decide about a refresh that has its next page at the head of its cohort's inbox.

    `complete`: with the pages at the head, pages 1 to the largest total are in. `all_received`: all
    of them are stored, though perhaps not in reach. `interrupted`: a page of another session or
    action has come since. `age_seconds`: how long ago its newest page came, by two clocks that may
    disagree, so that a nonsensical age never waits.
    """
    if complete:
        return Step.COMPLETE
    if all_received or interrupted or abs(age_seconds) >= QUIET_SECONDS:
        return Step.ADD
    return Step.WAIT


def waits_for_more(*, again: bool, interrupted: bool, age_seconds: float) -> bool:
    """Tell whether a page of a refresh that has completed before (`again`) waits for others.

    Each of them may make it complete once more, and a cohort is compared once for all that come in
    short order.
    """
    return again and not interrupted and abs(age_seconds) < QUIET_SECONDS


def sync_state(*, blocked: bool, complete: bool, superseded: bool) -> State:
    """Name the state of a sync after some of its pages were applied."""
    if blocked:
        return State.BLOCKED
    if superseded:
        return State.SUPERSEDED
    return State.APPLIED if complete else State.RECEIVING
