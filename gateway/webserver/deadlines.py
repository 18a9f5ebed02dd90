"""Until when a connection may stay in each of its stages."""

from __future__ import annotations

import math
import os
from typing import Final

from gunicorn.errors import ConfigError

from gateway.webserver.connection import Connection, Stage

# How long a request may take to come in; the tests cannot wait for the default.
REQUEST_VARIABLE: Final = "GATEWAY_REQUEST_DEADLINE_SECONDS"
REQUEST_SECONDS: Final = "10"
MAX_REQUEST_SECONDS: Final = 600

# After our last answer the client may take this long to close; more, if it may still be sending.
LINGER_SECONDS: Final = 2.0

# A stopping worker keeps connections without a request open this long, for one that is on its way.
STOP_IDLE_SECONDS: Final = 1.0

# The part of the time for stopping in which requests may still come in; the rest is for answering.
STOP_COLLECTING_SHARE: Final = 2 / 3


class Deadlines:
    """Times are monotonic seconds; `stopped_at` is infinite until the worker is told to stop."""

    def __init__(self, *, request: float, keepalive: float, graceful: float) -> None:
        self._request = request
        self._keepalive = keepalive
        self._graceful = graceful
        self.stopped_at = math.inf

    def due(self, connection: Connection, now: float) -> float:
        """Return when the stage that `connection` enters `now` ends for want of progress."""
        stage = connection.stage
        if stage in (Stage.NEW, Stage.COLLECTING):
            due = connection.started_at + self._request
        elif stage is Stage.IDLE:
            due = now + self._keepalive
        elif stage is Stage.FLUSHING:
            due = now + connection.limits.send_stall_seconds
        elif stage is Stage.LINGERING:
            due = now + LINGER_SECONDS
            if connection.unread:
                due = max(due, connection.started_at + self._request)
        else:
            due = math.inf
        return min(due, self.latest(stage))

    def latest(self, stage: Stage) -> float:
        """Return when a stage ends because the worker stops."""
        if stage in (Stage.NEW, Stage.IDLE):
            return self.stopped_at + STOP_IDLE_SECONDS
        if stage is Stage.COLLECTING:
            return self.stopped_at + self._graceful * STOP_COLLECTING_SHARE
        return math.inf


def request_seconds() -> float:
    """Read from the environment how long a request may take. Raises ConfigError."""
    text = os.environ.get(REQUEST_VARIABLE) or REQUEST_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_REQUEST_SECONDS:
        raise ConfigError(f"{REQUEST_VARIABLE} must be above 0 and at most {MAX_REQUEST_SECONDS}.")
    return seconds
