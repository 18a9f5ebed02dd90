"""Numbers of batches: each of a job is another, and says when it was sent."""

from __future__ import annotations

import datetime
import itertools
import secrets
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# Below the seconds: enough to tell apart what several claims of a job send in one of them.
_BITS: Final = 24
_MOST: Final = 1 << _BITS


class Numbers:
    """The numbers of one claim; several threads take them."""

    def __init__(self, now: Callable[[], datetime.datetime]) -> None:
        self._now = now
        self._counter = itertools.count(secrets.randbelow(_MOST))
        self._newest = 0
        self._lock = threading.Lock()

    def begin_beyond(self, newest: int) -> None:
        """Number on from the newest batch there is, whatever the clock of its sender said."""
        with self._lock:
            self._newest = max(self._newest, newest)

    def following(self) -> int:
        """Return the number of a batch that is sent now; each is larger than those before."""
        with self._lock:
            timed = (int(self._now().timestamp()) << _BITS) | (next(self._counter) % _MOST)
            self._newest = max(timed, self._newest + 1)
            return self._newest


def until(moment: datetime.datetime) -> int:
    """Return a number that those of all batches before a moment are below."""
    return int(moment.timestamp()) << _BITS


def moment(batch: int) -> datetime.datetime:
    """Tell when a batch was sent, by its number."""
    return datetime.datetime.fromtimestamp(batch >> _BITS, tz=datetime.UTC)
