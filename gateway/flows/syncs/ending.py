"""How a run ends that cannot go on: stopped, to be tried again, or canceled."""

from __future__ import annotations

from gateway import errors


class Ended(errors.GatewayError):
    """A run ends; `reason` is a short code, the text has the vendor's words."""

    code = "sync_ended"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Stopped(Ended):
    """Nothing helps but a person."""


class Failed(Ended):
    """It may go better later, not before `after_seconds` if the vendor said so."""

    def __init__(self, reason: str, message: str, *, after_seconds: float | None = None) -> None:
        super().__init__(reason, message)
        self.after_seconds = after_seconds


class Unanswered(Failed):
    """The vendor is away, or says later: the run goes on when it is asked again."""


class Canceled(Ended):
    """The job was paused, deleted, or asked for something else."""


class NeedsApproval(Ended):
    """It would remove too many to go on by itself."""
