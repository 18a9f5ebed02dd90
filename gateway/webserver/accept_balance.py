"""Decides when a process accepts the next connection, so that load spreads over processes."""

from __future__ import annotations

from typing import Final

# For each request at hand, how long a newcomer is left to a process that has fewer.
YIELD_SECONDS: Final = 0.001
MAX_YIELD_SECONDS: Final = 0.004
# A process that has yielded takes the next one that comes, or still waits, within this time.
TURN_SECONDS: Final = 0.05
# After accepting failed (no descriptors, no memory), how long until the next attempt.
PAUSE_SECONDS: Final = 1.0


class AcceptBalance:
    """One process's part in sharing them.

    Every process hears of each newcomer, and one interpreter uses one core. A connection may be
    kept for hours, so the process that is awake anyway must not get all of them.
    """

    def __init__(self) -> None:
        self._open_at = 0.0

    def closed_seconds(self, now: float) -> float:
        """Return for how long this process accepts no connection; 0 if it may."""
        return max(0.0, self._open_at - now)

    def yields(self, now: float, *, at_hand: int) -> bool:
        """Leave the newcomer to others for a moment, unless it was left to them already."""
        if not at_hand or 0 <= now - self._open_at < TURN_SECONDS:
            self._open_at = 0.0
            return False
        self._open_at = now + min(at_hand * YIELD_SECONDS, MAX_YIELD_SECONDS)
        return True

    def pause(self, now: float) -> None:
        """Accept no connection for a while: there is no room."""
        self._open_at = now + PAUSE_SECONDS
