"""A member as Mixpanel sends it, turned into a line of the page's roster."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from gateway.core import roster, texts
from gateway.core.page import Skip
from gateway.sources import document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Which of several spellings fills a field: the first listed one that is a text (interface 1.2).
IDENTITY = ("mixpanel_distinct_id", "$distinct_id", "distinct_id")
EMAIL = ("email", "$email")
FIRST_NAME = ("first_name", "$first_name")
LAST_NAME = ("last_name", "$last_name")
PHONE = ("phone_number", "phone", "$phone")
_FIELDS = (EMAIL, FIRST_NAME, LAST_NAME, PHONE)
_KNOWN = frozenset(name for names in (IDENTITY, *_FIELDS) for name in names)


@dataclasses.dataclass(frozen=True)
class _Shape:
    """Where the fields of members with the same keys are; a page has few shapes, often one."""

    identity: tuple[str, ...]
    distinct_id: tuple[str, ...]
    fields: tuple[tuple[str, ...], ...]
    rest: tuple[str, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], identity: tuple[str, ...]) -> _Shape:
        def present(spellings: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name for name in spellings if name in names)

        return cls(
            identity=present(identity),
            distinct_id=present(IDENTITY),
            fields=tuple(present(spellings) for spellings in _FIELDS),
            rest=tuple(name for name in names if name not in _KNOWN),
        )


def write_roster(
    members: Sequence[object], *, identity: tuple[str, ...], clean: bool
) -> tuple[dict[str, str], Counter[str]]:
    """Normalise a page's members.

    Returns their lines by member id (of a repeated id the last one) and the number of entries
    skipped by reason. `clean` promises that the page was sent without a single backslash: then no
    text in it can need an escape, be unstorable, or have a control character.
    """
    lines: dict[str, str] = {}
    skipped: Counter[str] = Counter()
    shapes: dict[tuple[str, ...], _Shape] = {}
    escape = _as_it_is if clean else _escape
    for member in members:
        if not isinstance(member, dict):
            skipped[Skip.NOT_AN_OBJECT.value] += 1
            continue
        names = tuple(member)
        shape = shapes.get(names)
        if shape is None:
            shape = shapes[names] = _Shape.of(names, identity)
        member_id = _member_id(member, shape)
        if isinstance(member_id, Skip):
            skipped[member_id.value] += 1
            continue
        lines[member_id] = _line(member, member_id, shape, escape, clean=clean)
    return lines, skipped


def _member_id(member: dict[str, object], shape: _Shape) -> str | Skip:
    """Read the first usable identity, or say what is wrong with the first one sent."""
    problem: Skip | None = None
    for name in shape.identity:
        value = member[name]
        if value is None:
            continue
        text = _id_text(value)
        why = Skip.WRONG_TYPE if text is None else texts.why_unusable(text)
        if text is not None and why is None:
            return text
        problem = problem or why
    return problem or Skip.MISSING_ID


def _id_text(value: object) -> str | None:
    if type(value) is str:
        return value
    if type(value) is int:  # not bool, which is an int to isinstance
        return str(value)
    return None


def _line(
    member: dict[str, object],
    member_id: str,
    shape: _Shape,
    escape: Callable[[str], str],
    *,
    clean: bool,
) -> str:
    parts = [escape(member_id), roster.NULL]
    for name in shape.distinct_id:
        text = _id_text(member[name])
        if text is not None:
            parts[1] = escape(text)
            break
    for spellings in shape.fields:
        for name in spellings:
            value = member[name]
            if type(value) is str:
                parts.append(escape(value))
                break
        else:
            parts.append(roster.NULL)
    parts.append(_properties(member, shape, clean=clean))
    return "\t".join(parts)


def _as_it_is(value: str) -> str:
    return value


def _escape(value: str) -> str:
    return roster.escape(texts.storable(value))


def _properties(member: dict[str, object], shape: _Shape, *, clean: bool) -> str:
    if not shape.rest:
        return "{}"
    written = document.storable_json({name: member[name] for name in shape.rest}, clean=clean)
    return written if clean else roster.escape(written)
