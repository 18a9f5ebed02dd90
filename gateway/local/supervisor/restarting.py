"""A process that is started again whenever it ends."""

import signal
import time
from collections.abc import Callable, Sequence

from gateway import errors
from gateway.local.embedded import children
from gateway.local.supervisor import terminal

_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 30.0
_SETTLED_SECONDS = 60.0


class Kept:
    """A process, how it is stopped, and how another is started in its place.

    `start` may raise errors.LocalServerFailed or OSError; it is then called again later. Calls wait
    twice as long each time, up to 30 s, until one has run for a minute.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], children.Process],
        *,
        steps: children.StopSteps,
        process: children.Process | None = None,
    ) -> None:
        self.name = name
        self.steps = steps
        self.process = start() if process is None else process
        self._start = start
        self._started_at = time.monotonic()
        self._due_at: float | None = None
        self._delay_seconds = 0.0

    def tend(self) -> None:
        """Notice that it ended, or start it again when that is due."""
        now = time.monotonic()
        if self._due_at is not None:
            if now >= self._due_at:
                self._start_again()
        elif self.process.poll() is not None:
            # What it left behind may still hold its port.
            children.end_group(self.process)
            if now - self._started_at > _SETTLED_SECONDS:
                self._delay_seconds = 0.0
            self._plan(_how_it_ended(self.process.returncode))

    def _start_again(self) -> None:
        try:
            self.process = self._start()
        except (errors.LocalServerFailed, OSError) as error:
            self._plan(f"does not start: {error}")
        else:
            self._started_at, self._due_at = time.monotonic(), None

    def _plan(self, what: str) -> None:
        doubled = max(self._delay_seconds * 2, _FIRST_DELAY_SECONDS)
        self._delay_seconds = min(doubled, _LONGEST_DELAY_SECONDS)
        self._due_at = time.monotonic() + self._delay_seconds
        terminal.warn(f"{self.name} {what}; starting it in {self._delay_seconds:.0f} s.")


def stop(together: Sequence[Kept], hurry: Callable[[], bool]) -> None:
    """Stop all of them at once, by the steps of the first, and wait for their end."""
    if together:
        children.stop([kept.process for kept in together], together[0].steps, hurry)


def _how_it_ended(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by a signal ({signal.strsignal(-returncode)})"
    return f"ended with exit code {returncode}"
