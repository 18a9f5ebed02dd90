"""What `simulate` plays: the documented example, and what goes wrong in real life."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.simulator.mixpanel import Sync

DIFFS: Final = 5
# Of a hundred members, this many come and go between two syncs.
CHURN_PERCENT: Final = 5


def example(sync: Sync, say: Callable[[str], None]) -> None:
    """Play the scenario of Mixpanel's documentation with its six users."""
    prefix = f"{sync.cohort.cohort_id}-"
    people = {letter: f"{prefix}{letter}" for letter in "ABCDEF"}
    sync.start_empty()
    say("T: A, B, C and D enter")
    sync.members = {people[letter] for letter in "ABCD"}
    sync.run()
    say("T+30min: B and D leave, E and F enter")
    sync.members = {people[letter] for letter in "ACEF"}
    sync.run()
    say("T+1h: nothing changed")
    sync.run()


class LargeCohort:
    """A cohort of a chosen size with changing members; one seed makes one history."""

    def __init__(self, sync: Sync, size: int, seed: int) -> None:
        self._sync = sync
        self._size = size
        self._random = random.Random(seed)  # noqa: S311 - a play, no secret
        self._born = 0
        self._gone: set[str] = set()

    def play(self, say: Callable[[str], None]) -> None:
        """Play everything that makes duplicates and gaps where it is not expected."""
        sync = self._sync
        say(f"first full refresh of {self._size:,} members")
        sync.members = self._newcomers(self._size)
        first = sync.run()
        for number in range(1, DIFFS + 1):
            say(f"diff {number} of {DIFFS}")
            self._churn()
            sync.run()
        say("a diff breaks off and starts from the top")
        self._churn()
        sync.break_off()
        sync.run()
        say("three days without success: a full refresh breaks off and starts from the top")
        sync.expire()
        self._churn()
        sync.break_off()
        self._churn()
        newest = sync.run()
        say("the newest sync is sent once more, page by page")
        sync.send(newest)
        say("so is the very first, long overtaken")
        sync.send(first)
        say("a last diff")
        self._churn()
        sync.run()

    def _churn(self) -> None:
        """Let some leave and as many enter, half of them members of before."""
        count = max(1, self._size * CHURN_PERCENT // 100)
        present, gone = sorted(self._sync.members), sorted(self._gone)
        leaving = set(self._random.sample(present, min(count, len(present))))
        returning = set(self._random.sample(gone, min(count // 2, len(gone))))
        self._gone = (self._gone - returning) | leaving
        entering = returning | self._newcomers(count - len(returning))
        self._sync.members = (self._sync.members - leaving) | entering

    def _newcomers(self, count: int) -> set[str]:
        first, self._born = self._born, self._born + count
        return {f"user-{number}" for number in range(first, first + count)}
