"""Cursors: where in which list a reader is, as a token that only this list takes back."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway import errors
from gateway.core import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAG_BYTES: Final = 6
_MAX_NUMBER: Final = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class List:
    """A list to page through: its name, and the types (int, str) of a position in it."""

    name: str
    position: tuple[type, ...]

    def write(self, scope: Sequence[object], position: Sequence[int | str] | None) -> str | None:
        """Write a cursor, or None at the end. `scope` is what the list was asked for with."""
        if position is None:
            return None
        payload = orjson.dumps(list(position))
        return base64.urlsafe_b64encode(self._tag(scope, payload) + payload).decode().rstrip("=")

    def read(self, scope: Sequence[object], token: str | None) -> tuple[Any, ...] | None:
        """Read a cursor back. Raises errors.Malformed if it is not one of this list."""
        if token is None:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            payload = raw[_TAG_BYTES:]
            if hmac.compare_digest(raw[:_TAG_BYTES], self._tag(scope, payload)):
                return self._checked(orjson.loads(payload))
        except (binascii.Error, ValueError) as error:
            raise _bad() from error
        raise _bad()

    def _checked(self, position: Any) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
        if [type(part) for part in position] != list(self.position):
            raise _bad()
        for part in position:
            if isinstance(part, int) and not 0 <= part <= _MAX_NUMBER:
                raise _bad()
            if isinstance(part, str) and not texts.is_storable(part):
                raise _bad()
        return tuple(position)

    def _tag(self, scope: Sequence[object], payload: bytes) -> bytes:
        """Tie a token to its list. It guards against mix-ups; a position is no secret."""
        seed = orjson.dumps([self.name, *scope]) + payload
        return hashlib.sha256(seed).digest()[:_TAG_BYTES]


COHORTS: Final = List("cohorts", (int,))
MEMBERS: Final = List("members", (str,))
SYNCS: Final = List("syncs", (int, str))
DELIVERIES: Final = List("deliveries", (int, int))


def _bad() -> errors.Malformed:
    return errors.Malformed(
        "cursor: not a cursor of this list with these filters; send the next_cursor of its last"
        " answer unchanged, or none to begin"
    )
