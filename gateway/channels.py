"""Channels of notices: which names cohorts, sources and sync jobs may choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


def faults(names: Sequence[str] | None, known: Collection[str], path: str) -> Iterator[Fault]:
    """Tell of each name that no channel of GATEWAY_NOTIFY has."""
    there = f"there are {', '.join(sorted(known))}" if known else "GATEWAY_NOTIFY names none"
    for place, name in enumerate(names or ()):
        if name not in known:
            yield Fault(f"{path}.{place}", f"there is no such channel; {there}")


def require(names: Sequence[str] | None, known: Collection[str], path: str) -> None:
    """Raise errors.Invalid for names that no channel has."""
    wrong = list(faults(names, known, path))
    if wrong:
        raise errors.Invalid(wrong)
