"""Columns of a result: which of them fills what, by names that are compared without case."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.cohorts.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.sql.definition import Definition

_NAMES_SHOWN = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Columns:
    """Places of columns in the rows of a result: of the id, of fields, and of named properties."""

    names: Sequence[str]
    member_id: int
    profile: Mapping[str, int]
    properties: Mapping[str, int]


def find(names: Sequence[str], definition: Definition) -> Columns:
    """Find the columns that a definition names.

    Raises errors.ReadFailed (`column_missing`, `ambiguous_column`).
    """
    member_id = place(names, definition.member_id)
    profile = {field: place(names, name) for field, name in definition.profile.items()}
    if definition.properties is not None:
        listed = [place(names, name) for name in definition.properties]
    else:
        taken = {member_id, *profile.values()}
        listed = [number for number in range(len(names)) if number not in taken]
    properties = dict[str, int]()
    for number in listed:
        if properties.setdefault(names[number], number) != number:
            raise _ambiguous(names, names[number])
    return Columns(names=names, member_id=member_id, profile=profile, properties=properties)


def place(names: Sequence[str], wanted: str) -> int:
    """Find one column by its name, without case. Raises errors.ReadFailed."""
    folded = wanted.casefold()
    found = [number for number, name in enumerate(names) if name.casefold() == folded]
    if not found:
        shown = ", ".join(names[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")
        raise errors.ReadFailed(
            Failure.COLUMN_MISSING,
            f"the result has no column {wanted!a}; it has {shown}",
            hint="Name a column of the result, or give one that name with AS.",
        )
    if len(found) > 1:
        raise _ambiguous([names[number] for number in found], wanted)
    return found[0]


def _ambiguous(names: Sequence[str], wanted: str) -> errors.ReadFailed:
    alike = [name for name in names if name.casefold() == wanted.casefold()]
    return errors.ReadFailed(
        Failure.AMBIGUOUS_COLUMN,
        f"the result has {len(alike)} columns that {wanted!a} may mean: {', '.join(alike)}",
        hint="Give each column of the result a name of its own with AS; case does not tell apart.",
    )
