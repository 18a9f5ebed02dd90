"""Actors: the authors of changes, as the audit log names them."""

from __future__ import annotations

import dataclasses
import enum


class Via(enum.StrEnum):
    """Where a change comes from."""

    API = "api"
    CONSOLE = "console"
    COMMAND = "command"
    GATEWAY = "gateway"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Actor:
    """The author of a change: `name` is that of an API key; None without one, as for a command.

    `source` is the slug of the only source that the key may post to, None for any.
    """

    via: Via
    name: str | None = None
    source: str | None = None


COMMAND = Actor(via=Via.COMMAND)
GATEWAY = Actor(via=Via.GATEWAY)
