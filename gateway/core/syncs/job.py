"""What a sync job is set to do, the states it can be in, and when it is due."""

from __future__ import annotations

import datetime
import enum
from typing import Final


class Mode(enum.StrEnum):
    """Whether a destination loses the members that the cohort loses."""

    MIRROR = "mirror"
    ADD_ONLY = "add_only"


class State(enum.StrEnum):
    """How a job fares: `stopped` needs a person, `failing` is tried again."""

    ACTIVE = "active"
    PAUSED = "paused"
    FAILING = "failing"
    STOPPED = "stopped"
    DONE = "done"


class RunState(enum.StrEnum):
    """How a run fares."""

    QUEUED = "queued"
    RUNNING = "running"
    NEEDS_APPROVAL = "needs_approval"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELED = "canceled"


class Asked(enum.StrEnum):
    """What a person asked a job for, beside its plan."""

    NOTHING = ""
    RUN = "run"
    RESYNC = "resync"
    REMOVE = "remove"


ONCE: Final = "once"
LIVE: Final = "live"
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
EVERY_SECONDS: Final = {
    "5m": 5 * _MINUTE,
    "15m": 15 * _MINUTE,
    "30m": 30 * _MINUTE,
    "1h": _HOUR,
    "2h": 2 * _HOUR,
    "3h": 3 * _HOUR,
    "6h": 6 * _HOUR,
    "12h": 12 * _HOUR,
    "1d": 24 * _HOUR,
}
FREQUENCIES: Final = (ONCE, LIVE, *EVERY_SECONDS)

# Waits of a failing job grow from the first to the last.
_FIRST_WAIT: Final = 10.0
_LONGEST_WAIT: Final = 3600.0
_MOST_DOUBLINGS: Final = 20

# A run goes on for so long without an answer of its vendor.
RETRIED: Final = datetime.timedelta(hours=1)

# Of so many members sent a run may remove half without approval.
GUARD_FROM: Final = 100


def next_due(
    frequency: str, planned: datetime.datetime, now: datetime.datetime
) -> datetime.datetime | None:
    """Return when a job is due after a run that ended well; missed times are one.

    Counted from a planned time, so that neither slow runs nor ones between shift it. None for
    `once`.
    """
    if frequency == ONCE:
        return None
    if frequency == LIVE:
        return now
    every = datetime.timedelta(seconds=EVERY_SECONDS[frequency])
    missed = max(0, (now - planned) // every)
    return planned + (missed + 1) * every


def wait_seconds(failures: int, *, asked_seconds: float | None = None) -> float:
    """Return how long a job that failed so many times in a row waits, at most an hour."""
    grown = _FIRST_WAIT * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS)
    return float(min(max(grown, asked_seconds or 0.0), _LONGEST_WAIT))


def needs_approval(*, would_remove: int, sent: int) -> bool:
    """Tell whether a run would remove so many that a person has to agree."""
    return sent >= GUARD_FROM and would_remove * 2 > sent
