"""Troubles that need a person, and the messages that tell of their beginning and end."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Where a trouble goes of which neither job, cohort nor source names a channel.
DEFAULT_CHANNEL: Final = "default"
# Of one message; the rest is counted.
MOST_LINES: Final = 20
_MOST_NAME_CHARACTERS: Final = 80


class Kind(enum.StrEnum):
    """What a trouble is."""

    FAILING = "failing"
    NEEDS_APPROVAL = "needs_approval"
    STALE = "stale"
    REFUSED = "refused"
    BLOCKED = "blocked"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trouble:
    """A trouble that there is: of what, how it is told, and in which channels.

    The line names cohorts, sources, jobs and codes, and nothing that came from a member or a
    vendor.
    """

    kind: Kind
    subject: str
    line: str
    channels: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What is the same for as long as the trouble is."""
        return (self.kind, self.subject)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """Troubles that have begun and that are over, since the last look."""

    begun: Sequence[Trouble]
    over: Sequence[Trouble]


def difference(before: Iterable[Trouble], now: Iterable[Trouble]) -> Difference:
    known = {one.key: one for one in before}
    found = {one.key: one for one in now}
    return Difference(
        begun=[found[key] for key in sorted(found.keys() - known.keys())],
        over=[known[key] for key in sorted(known.keys() - found.keys())],
    )


def messages(changed: Difference) -> Mapping[str, str]:
    """Write one message for each channel that any of it concerns."""
    channels = {name for one in (*changed.begun, *changed.over) for name in one.channels}
    return {
        channel: "\n".join(
            [
                *_part("Needs attention:", changed.begun, channel),
                *_part("Well again:", changed.over, channel),
            ]
        )
        for channel in sorted(channels)
    }


def named(name: str) -> str:
    """Write a name that people gave, on one line and not too long."""
    plain = " ".join(name.split())
    cut = plain if len(plain) <= _MOST_NAME_CHARACTERS else f"{plain[:_MOST_NAME_CHARACTERS]}…"
    return f"“{cut}”"


def _part(heading: str, troubles: Sequence[Trouble], channel: str) -> list[str]:
    lines = [f"- {one.line}" for one in troubles if channel in one.channels]
    if not lines:
        return []
    more = [f"- and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return [heading, *lines[:MOST_LINES], *more]
