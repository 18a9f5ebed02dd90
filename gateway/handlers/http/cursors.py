"""Cursors: where in which list a reader is, as a token that only this list takes back."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway import errors
from gateway.core import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAG_BYTES: Final = 6
_MAX_NUMBER: Final = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Cursor:
    """The cursor of one list: its name, what it was asked for with, and a position's types."""

    name: str
    scope: tuple[int | str | None, ...]
    types: tuple[type, ...]

    def write(self, position: Sequence[int | str] | None) -> str | None:
        """Write a position as a token; None at the end of the list."""
        if position is None:
            return None
        payload = orjson.dumps(list(position))
        return base64.urlsafe_b64encode(self._tag(payload) + payload).decode().rstrip("=")

    def read(self, token: str | None, *, start: tuple[int | str, ...]) -> tuple[Any, ...]:
        """Read a token's position; `start` without one, or for an empty one.

        Raises errors.Malformed if it is not a token of this list.
        """
        if not token:
            return start
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            payload = raw[_TAG_BYTES:]
            if raw[:_TAG_BYTES] == self._tag(payload):
                return self._checked(orjson.loads(payload))
        except ValueError as error:
            raise _bad() from error
        raise _bad()

    def _checked(self, position: Any) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
        """Any client can make a token with a right tag: look at what it says, too."""
        if not isinstance(position, list) or tuple(map(type, position)) != self.types:
            raise _bad()
        for part in position:
            good = texts.is_storable(part) if isinstance(part, str) else 0 <= part <= _MAX_NUMBER
            if not good:
                raise _bad()
        return tuple(position)

    def _tag(self, payload: bytes) -> bytes:
        """Tie a token to its list. This is against mix-ups; a position is no secret."""
        seed = orjson.dumps([self.name, *self.scope]) + payload
        return hashlib.sha256(seed).digest()[:_TAG_BYTES]


@dataclasses.dataclass(frozen=True)
class _Kind:
    name: str
    types: tuple[type, ...]

    def of(self, *scope: int | str | None) -> Cursor:
        """Return the cursor of the list that was asked for with these values."""
        return Cursor(name=self.name, scope=scope, types=self.types)


COHORTS: Final = _Kind("cohorts", (int,))
DELETED: Final = _Kind("deleted", (int, int))
JOINED: Final = _Kind("joined", (int,))
MEMBERS: Final = _Kind("members", (str,))
SYNCS: Final = _Kind("syncs", (int, str))
SOURCES: Final = _Kind("sources", (str,))
DESTINATIONS: Final = _Kind("destinations", (str,))
SYNC_JOBS: Final = _Kind("sync_jobs", (int,))
SYNC_RUNS: Final = _Kind("sync_runs", (int,))
REFUSALS: Final = _Kind("refusals", (int,))
REJECTED_ACTIONS: Final = _Kind("rejected_actions", (int,))
ACTIVITY: Final = _Kind("activity", (int,))
EVENTS: Final = _Kind("events", (int, int))
RECENT_EVENTS: Final = _Kind("recent_events", (int,))
NOTICES: Final = _Kind("notices", (int,))
LOADS: Final = _Kind("loads", (int,))
DELIVERIES: Final = _Kind("deliveries", (int, int))
FEED: Final = _Kind("feed", (str, int, int, int))


def _bad() -> errors.Malformed:
    return errors.Malformed(
        "cursor: not a cursor of this list with these filters; send the next_cursor of its last"
        " answer unchanged, or none to begin"
    )
