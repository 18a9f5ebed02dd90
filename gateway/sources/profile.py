"""Members as Mixpanel sends them, turned into the lines of the page's roster.

Column by column, because a page's members mostly have the same keys and plain texts for values:
what is so for a whole column is found in C, and only the others are looked at one by one.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

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

_Names: TypeAlias = tuple[str, ...]
_Member: TypeAlias = dict[str, object]


@dataclasses.dataclass(frozen=True)
class _Shape:
    """Where the fields of members with the same names are; a page has few shapes, often one."""

    identity: _Names
    distinct_id: _Names
    fields: tuple[_Names, ...]
    rest: _Names

    @classmethod
    def of(cls, names: _Names, identity: _Names) -> _Shape:
        def present(spellings: _Names) -> _Names:
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
    names = [tuple(member) if type(member) is dict else None for member in members]
    skipped: Counter[str] = Counter()
    if None in names:
        skipped[Skip.NOT_AN_OBJECT.value] = names.count(None)
    written: list[tuple[int, str, str]] = []
    for shared, places in _places(names).items():
        shape = _Shape.of(shared, identity)
        found = _member_ids(_pick(members, places), shape)
        usable = [type(one) is str for one in found]
        if not all(usable):
            skipped.update(one.value for one in found if isinstance(one, Skip))
        ids = list(itertools.compress(found, usable))
        if ids:
            kept = list(itertools.compress(places, usable))
            lines = _lines(_pick(members, kept), ids, shape, clean=clean)
            written += zip(kept, ids, lines, strict=True)
    written.sort()
    return {member_id: line for _, member_id, line in written}, skipped


def _places(names: Sequence[_Names | None]) -> dict[_Names, Sequence[int]]:
    """Say for each set of names where in the page the members are that have it."""
    if len(set(names)) == 1 and names[0] is not None:
        return {names[0]: range(len(names))}
    places: defaultdict[_Names, list[int]] = defaultdict(list)
    for place, shared in enumerate(names):
        if shared is not None:
            places[shared].append(place)
    return dict(places)


def _pick(members: Sequence[Any], places: Sequence[int]) -> list[_Member]:
    return [members[place] for place in places]


def _member_ids(alike: Sequence[_Member], shape: _Shape) -> Sequence[str | Skip]:
    if shape.identity:
        column = [member[shape.identity[0]] for member in alike]
        if _are_texts(column) and texts.are_surely_usable(column):
            return column
    return [_member_id(member, shape) for member in alike]


def _member_id(member: _Member, shape: _Shape) -> str | Skip:
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


def _text(value: object) -> str | None:
    return value if type(value) is str else None


def _lines(
    alike: Sequence[_Member], ids: Sequence[str], shape: _Shape, *, clean: bool
) -> list[str]:
    columns = [
        _escaped(ids, clean=clean),
        _column(alike, shape.distinct_id, _id_text, clean=clean),
        *(_column(alike, spellings, _text, clean=clean) for spellings in shape.fields),
    ]
    properties = []
    for name in shape.rest:
        template, column = _json_column([member[name] for member in alike], clean=clean)
        written = document.storable_json(name, clean=clean)
        properties.append(f"{roster.escape(written).replace('%', '%%')}:{template}")
        columns.append(column)
    template = "\t".join([*["%s"] * (len(roster.COLUMNS) - 1), f"{{{','.join(properties)}}}"])
    return list(map(template.__mod__, zip(*columns, strict=True)))


def _column(
    alike: Sequence[_Member],
    spellings: _Names,
    read: Callable[[object], str | None],
    *,
    clean: bool,
) -> Sequence[str]:
    """Write one field of members: the first of its spellings that can be read."""
    if not spellings:
        return [roster.NULL] * len(alike)
    column = [member[spellings[0]] for member in alike]
    if _are_texts(column):
        return _escaped(column, clean=clean)
    found = [
        next((text for name in spellings if (text := read(member[name])) is not None), None)
        for member in alike
    ]
    return [roster.NULL if text is None else _escape(text) for text in found]


def _json_column(column: Sequence[object], *, clean: bool) -> tuple[str, Sequence[str]]:
    """Write the values of one property as JSON; what all of them share goes into a template."""
    if _are_texts(column) and (clean or texts.is_plain("".join(column), but='"')):
        return '"%s"', column
    if not {str, list, dict} & set(map(type, column)):  # then no value has a comma in it
        return "%s", document.storable_json(column, clean=True)[1:-1].split(",")
    written = (document.storable_json(value, clean=clean) for value in column)
    return "%s", [roster.escape(one) for one in written]


def _are_texts(column: Sequence[object]) -> TypeGuard[Sequence[str]]:
    return set(map(type, column)) == {str}


def _escaped(column: Sequence[str], *, clean: bool) -> Sequence[str]:
    if clean or texts.is_plain("".join(column)):
        return column
    return [_escape(value) for value in column]


def _escape(value: str) -> str:
    return roster.escape(texts.storable(value))
