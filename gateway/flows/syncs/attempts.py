"""Attempts: a request is repeated while its vendor says later, with growing waits and jitter."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from gateway import errors
from gateway.destinations.answers import Later, Stop, StopCode
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.ending import Stopped, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.flows.syncs.tally import Tally

T = TypeVar("T")

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 15.0
# After so long without an answer a run gives its place away, and goes on after a wait.
PATIENCE_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 1.0
MOST_CHARACTERS: Final = 1000

# Nothing that waiting would mend.
_FOR_GOOD: Final = (errors.ForbiddenAddress, errors.BadAddress, errors.BadCertificate)


class Attempts:
    """Repeats requests of one run, from several threads.

    `going` raises if the run is not to go on. A vendor that limits the account holds all back.
    """

    def __init__(
        self,
        tally: Tally,
        going: Callable[[], None],
        hidden: Mapping[str, str],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._tally = tally
        self._going = going
        self._hidden = hidden
        self._patience_seconds = patience_seconds
        self._not_before = 0.0
        self._lock = threading.Lock()

    def shown(self, text: str) -> str:
        """Show a vendor's words without secrets."""
        return setups.hide(text, self._hidden)[:MOST_CHARACTERS]

    def until_answered(self, ask: Callable[[], T | Later | Stop]) -> T:
        """Ask until there is an answer. Raises ending.Ended."""
        began, tries = 0.0, 0
        while True:
            self._wait_for_all()
            answer = _asked(ask)
            if isinstance(answer, Stop):
                raise Stopped(answer.code, self.shown(answer.message))
            if not isinstance(answer, Later):
                return answer
            tries += 1
            began = began or time.monotonic()
            self._tally.count(retries=1)
            seconds = self._wait_seconds(answer, tries)
            if time.monotonic() + seconds - began > self._patience_seconds:
                message = self.shown(answer.message)
                raise Unanswered("unavailable", message, after_seconds=answer.after_seconds)
            if answer.for_all:
                with self._lock:
                    self._not_before = max(self._not_before, time.monotonic() + seconds)
            self._wait(seconds)

    def _wait_seconds(self, answer: Later, tries: int) -> float:
        grown = min(FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 10), LONGEST_WAIT_SECONDS)
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return max(grown * jitter, answer.after_seconds or 0.0)

    def _wait_for_all(self) -> None:
        with self._lock:
            seconds = self._not_before - time.monotonic()
        self._going()
        if seconds > 0:
            self._wait(seconds)

    def pause(self, seconds: float) -> None:
        """Wait, and end early if the run is not to go on. Raises ending.Canceled."""
        self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
            self._going()


def _asked(ask: Callable[[], T | Later | Stop]) -> T | Later | Stop:
    """Ask once; what the connection did is an answer as well."""
    try:
        return ask()
    except _FOR_GOOD as error:
        return Stop(code=StopCode.CONFIGURATION, message=f"{error.code}: {error}")
    except errors.Outbound as error:
        return Later(message=f"{error.code}: {error}")
