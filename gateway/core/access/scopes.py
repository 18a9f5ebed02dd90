"""What an API key may do."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Scope(enum.StrEnum):
    """The scopes of interface 2, the weakest first; each one includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_ENOUGH: Final[Mapping[Scope, frozenset[Scope]]] = {
    Scope.READ: frozenset(Scope),
    Scope.WRITE: frozenset({Scope.WRITE, Scope.ADMIN}),
    Scope.ADMIN: frozenset({Scope.ADMIN}),
}


def allow(held: Collection[str], needed: Scope) -> bool:
    """Tell whether the scopes that a key lists include the one needed."""
    return not _ENOUGH[needed].isdisjoint(held)
