"""Mappings: which field of a member becomes which identifier of a destination."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ENTERED_AT: Final = "entered_at"
FIELDS: Final = (
    "member_id",
    "distinct_id",
    "email",
    "first_name",
    "last_name",
    "phone",
    ENTERED_AT,
)
_PROPERTIES: Final = "properties."
MOST_FIELDS: Final = 100
_MOST_CHARACTERS: Final = 255


def faults(
    mapping: Mapping[str, object],
    *,
    known: Iterable[str],
    others: bool,
    matching: Sequence[frozenset[str]],
) -> Iterator[Fault]:
    """Tell what is wrong with a mapping; without `matching` any mapping finds a person."""
    names = set(known)
    if len(mapping) > MOST_FIELDS:
        yield Fault("mapping", f"has {len(mapping)} fields; send at most {MOST_FIELDS}")
        return
    for name, field in mapping.items():
        place = f"mapping.{name[:_MOST_CHARACTERS]}"
        if name not in names and not others:
            yield Fault(place, f"there is no such identifier; there are {', '.join(sorted(names))}")
        elif not _is_field(field):
            yield Fault(place, f"must be properties.<name> or one of {', '.join(FIELDS)}")
    if matching and not any(one <= mapping.keys() for one in matching):
        sets = " or ".join(" with ".join(sorted(one)) for one in matching)
        yield Fault("mapping", f"matches no person there without {sets}")


def _is_field(field: object) -> bool:
    if type(field) is not str or len(field) > _MOST_CHARACTERS:
        return False
    return field in FIELDS or (field.startswith(_PROPERTIES) and len(field) > len(_PROPERTIES))


def read(mapping: Mapping[str, str], document: Mapping[str, object]) -> dict[str, object]:
    """Read the mapped values of a member; what is missing or null is left out."""
    found: dict[str, object] = {}
    for name, field in mapping.items():
        value = document.get(field) if field in FIELDS else _property(document, field)
        if value is not None:
            found[name] = value
    return found


def reads_properties(mapping: Mapping[str, str]) -> bool:
    """Tell whether any property is mapped."""
    return any(field.startswith(_PROPERTIES) for field in mapping.values())


def _property(document: Mapping[str, object], field: str) -> object:
    """Read a property; one with dots in its name is found before a path of several."""
    path = field.removeprefix(_PROPERTIES)
    found: object = document.get("properties")
    if isinstance(found, dict) and path in found:
        return found[path]
    for part in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def seed(*parts: object) -> int:
    """Make a number for a ledger's hashes of all that decides about identifiers."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
