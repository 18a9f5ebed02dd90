"""Collecting what is wrong with a rule, so that all of it is told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from gateway import errors
from gateway.core import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")

# Of one body; the rest is seen when these are mended.
MAX_FAULTS: Final = 100
MAX_SHOWN: Final = 100


class Wrong(Exception):
    """A part of a rule is wrong."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.fault = errors.Fault(place, message)


class Faults:
    """The faults found so far."""

    def __init__(self) -> None:
        self._found: list[errors.Fault] = []

    def attempt(self, read: Callable[[], T]) -> T | None:
        """Read a part; None if it is wrong, which is noted."""
        try:
            return read()
        except Wrong as wrong:
            self._found.append(wrong.fault)
            return None

    def an_object(self, value: object, place: str, known: Collection[str]) -> Mapping[str, object]:
        """Read an object with keys of some only; each other one is a fault."""
        if not isinstance(value, dict):
            self._found.append(errors.Fault(place, "must be an object"))
            return {}
        for key in value.keys() - set(known):
            self._found.append(errors.Fault(f"{place}.{shown(key)}", "there is no such key"))
        return value

    def tell(self) -> None:
        """Raise errors.Invalid with all faults, if there are any."""
        if self._found:
            raise errors.Invalid(self._found[:MAX_FAULTS])


def shown(name: str) -> str:
    """Show a name that may be anything."""
    return texts.cut(name, MAX_SHOWN)


def require_keys(
    value: object, place: str, known: Collection[str], *, needed: Collection[str] = ()
) -> Mapping[str, object]:
    """Return an object that has no other keys, and those that are needed. Raises Wrong."""
    if not isinstance(value, dict):
        raise Wrong(place, "must be an object")
    for key in value.keys() - set(known):
        raise Wrong(f"{place}.{shown(key)}", "there is no such key")
    for key in needed:
        if key not in value:
            raise Wrong(f"{place}.{key}", "is missing")
    return value
