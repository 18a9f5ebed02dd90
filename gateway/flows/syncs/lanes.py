"""Lanes: what one destination is asked at once, by all jobs of a process, and in a time.

The rate is that of all processes together, as far as these have a Redis to count in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
import time
from typing import TYPE_CHECKING, Final

import limits

from gateway import errors
from gateway.flows.syncs.pacing import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gateway import outbound
    from gateway.destinations.adapter import Client
    from gateway.destinations.facts import Limits

# How often what waits for its turn looks whether it is to go on.
LOOK_SECONDS: Final = 0.5


class Lane:
    """The turns of one destination; several threads take them."""

    def __init__(self, key: str, at_once: int, asked: Limits, pace: Pace) -> None:
        """`key` names the destination to all processes."""
        self._free = threading.BoundedSemaphore(at_once)
        self._pace = pace
        self._rate = _rate(asked)
        self._key = key
        self.hangs = False

    @contextlib.contextmanager
    def turn(self, going: Callable[[], None]) -> Iterator[None]:
        """Lend a turn as soon as there is one; `going` raises if it is not waited for any more."""
        while not self._free.acquire(timeout=LOOK_SECONDS):
            going()
        try:
            self._await_room(going)
            with self._watched():
                yield
        finally:
            self._free.release()

    def _await_room(self, going: Callable[[], None]) -> None:
        """Wait until the vendor's rate has room."""
        while self._rate is not None and not self._pace.hit(self._rate, self._key):
            time.sleep(min(self._pace.wait_seconds(self._rate, self._key), LOOK_SECONDS))
            going()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Note whether the destination lets its callers wait for nothing."""
        try:
            yield
        except errors.OutboundTimeout:
            self.hangs = True
            raise
        self.hangs = False


def _rate(asked: Limits) -> limits.RateLimitItem | None:
    """Write a rate in whole seconds, as the library counts."""
    if asked.requests is None:
        return None
    seconds = max(1, math.ceil(asked.per_seconds))
    amount = max(1, int(asked.requests * seconds / asked.per_seconds))
    return limits.RateLimitItemPerSecond(amount, seconds)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Measure:
    """What a lane was made for; of a destination that is set up anew another is made."""

    at_once: int
    limits: Limits


class Lanes:
    """The lanes of one process by destination."""

    def __init__(self, pace: Pace | None = None) -> None:
        """`pace` counts the requests of a time; None for those of this process alone."""
        self._lock = threading.Lock()
        self._pace = pace or Pace()
        self._made: dict[int, tuple[_Measure, Lane]] = {}

    def of(self, destination_id: int, at_once: int, asked: Limits) -> Lane:
        """Return the lane of a destination."""
        measure = _Measure(at_once=at_once, limits=asked)
        with self._lock:
            found = self._made.get(destination_id)
            if found is None or found[0] != measure:
                found = (measure, Lane(str(destination_id), at_once, asked, self._pace))
                self._made[destination_id] = found
            return found[1]

    def hangs(self, destination_id: int) -> bool:
        """Tell whether the last request to a destination ended without an answer in time."""
        with self._lock:
            found = self._made.get(destination_id)
        return found is not None and found[1].hangs


class Paced:
    """A client that waits for a turn of its destination before each request."""

    def __init__(self, client: Client, lane: Lane, going: Callable[[], None]) -> None:
        self._client = client
        self._lane = lane
        self._going = going

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> outbound.Answer:
        """Send a request in its turn. Raises errors.Outbound, and what ends a run."""
        with self._lane.turn(self._going):
            return self._client.request(method, url, headers=headers, body=body)
