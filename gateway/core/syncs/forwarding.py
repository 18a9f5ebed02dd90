"""How the sending of actions to Mixpanel fares."""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """`failing` is tried again with growing waits, `stopped` needs a person."""

    ACTIVE = "active"
    FAILING = "failing"
    STOPPED = "stopped"
