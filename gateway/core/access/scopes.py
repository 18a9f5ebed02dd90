"""What an API key may do."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Scope(enum.StrEnum):
    """The scopes of interface 2: read < write < admin, each of which includes those before it.

    `INGEST` stands beside them: it posts people and events, and reads nothing.
    """

    READ = "read"
    WRITE = "write"
    INGEST = "ingest"
    ADMIN = "admin"


_ENOUGH: Final[Mapping[Scope, frozenset[Scope]]] = {
    Scope.READ: frozenset({Scope.READ, Scope.WRITE, Scope.ADMIN}),
    Scope.WRITE: frozenset({Scope.WRITE, Scope.ADMIN}),
    Scope.INGEST: frozenset({Scope.INGEST, Scope.ADMIN}),
    Scope.ADMIN: frozenset({Scope.ADMIN}),
}


def allow(held: Collection[str], needed: Scope) -> bool:
    """Tell whether the scopes that a key lists include the one needed."""
    return not _ENOUGH[needed].isdisjoint(held)
