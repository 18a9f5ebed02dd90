"""Members as Mixpanel sends them, turned into the lines of the page's roster.

Mostly a page's members have the same names, with texts for values: such a page is written in one
go, in C. Of any other page those with the same names are written together, column by column, and
only what is odd is looked at one by one.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from gateway.core import texts
from gateway.core.cohorts import member_ids, member_rows
from gateway.core.cohorts.member_ids import Skip
from gateway.sources import json_body

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

# Which of several spellings fills a field: the first listed one that is a text or an integer. A
# value of another type fills none and stays a property (interface 1.2).
IDENTITY = ("mixpanel_distinct_id", "$distinct_id", "distinct_id")
EMAIL = ("email", "$email")
FIRST_NAME = ("first_name", "$first_name")
LAST_NAME = ("last_name", "$last_name")
PHONE = ("phone_number", "phone", "$phone")
_FIELDS = (EMAIL, FIRST_NAME, LAST_NAME, PHONE)
_KNOWN = frozenset(name for names in (IDENTITY, *_FIELDS) for name in names)
_FILLING = {str, int}  # not bool, which is an int to isinstance

_Names: TypeAlias = tuple[str, ...]
_Member: TypeAlias = dict[str, object]

# Where a template is filled in, and where with a JSON text; no line has a NUL, because Postgres'
# text cannot.
HOLE = "\0"
TEXT = f'"{HOLE}"'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """The lines of a page's members, how many there are, and the skipped entries by reason."""

    text: str
    usable: int
    skipped: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class _Shape:
    """Where the fields of members with the same names are; a page has few shapes, often one.

    `odd` names are those of fields with values of a type that fills none.
    """

    distinct_id: _Names
    fields: tuple[_Names, ...]
    rest: _Names

    @classmethod
    def of(cls, names: _Names, odd: _Names = ()) -> _Shape:
        filling = tuple(name for name in names if name in _KNOWN and name not in odd)
        return cls(
            distinct_id=_present(IDENTITY, filling),
            fields=tuple(_present(spellings, filling) for spellings in _FIELDS),
            rest=tuple(name for name in names if name not in filling),
        )

    def template(self, values: Sequence[str], *, clean: bool) -> str:
        """Write a line with a hole for the id and each field there is, and these JSON values."""
        fields = [HOLE if names else member_rows.NULL for names in (self.distinct_id, *self.fields)]
        written = (json_body.storable_json(name, clean=clean) for name in self.rest)
        properties = map("{}:{}".format, map(member_rows.escape, written), values)
        return "\t".join([HOLE, *fields, f"{{{','.join(properties)}}}\n"])


def write_rows(members: Sequence[object], *, identity: _Names, clean: bool) -> Written:
    """Normalise a page's members. Of a repeated id the last one is taken.

    `clean` promises that their texts are clean, see `document.is_clean`; then none of them needs an
    escape or is unstorable.
    """
    text = _write_plain(members, identity) if clean else None
    if text is not None:
        return Written(text=text, usable=len(members), skipped={})
    kept, skipped = _identified(members, identity)
    ids, people = list(kept), list(kept.values())
    lines = [""] * len(kept)
    for shape, places in _places(people):
        alike = [people[place] for place in places]
        written = _lines(alike, [ids[place] for place in places], shape, clean=clean)
        for place, line in zip(places, written, strict=True):
            lines[place] = line
    return Written(text="\n".join([*lines, ""]), usable=len(kept), skipped=skipped)


def write_ids(members: Sequence[object], *, identity: _Names) -> Written:
    """Write lines as `write_rows` does, but with null for everything but the id."""
    kept, skipped = _identified(members, identity)
    rest = f"\t{member_rows.NULL}" * (len(member_rows.COLUMNS) - 1) + "\n"
    text = rest.join([*escaped(list(kept), clean=False), ""])
    return Written(text=text, usable=len(kept), skipped=skipped)


def _write_plain(members: Sequence[Any], identity: _Names) -> str | None:
    """Write a clean page of members that differ in texts alone; None decides nothing."""
    if set(map(type, members)) != {dict} or not _are_texts(members[0].values()):
        return None
    names = tuple(members[0])
    id_names, shape = _present(identity, names), _Shape.of(names)
    used = [found[0] for found in (id_names, shape.distinct_id, *shape.fields) if found]
    used += shape.rest
    if not id_names or len(set(used)) < len(names) or set(map(len, members)) != {len(names)}:
        return None
    try:
        ids = list(map(itemgetter(id_names[0]), members))
        if not (
            _are_texts(ids) and len(set(ids)) == len(ids) and member_ids.are_surely_usable(ids)
        ):
            return None
        template = shape.template([TEXT] * len(shape.rest), clean=True)
        return filled(template, map(itemgetter(*used), members), lines=len(members))
    except (KeyError, TypeError):  # another name, or a value that is no text
        return None


def filled(template: str, rows: Iterable[Iterable[str]], *, lines: int) -> str:
    """Fill the holes of one line with the texts of each row. Raises TypeError for other values."""
    pieces = [piece for after in template.split(HOLE)[1:] for piece in ("", after)] * lines
    pieces[::2] = chain.from_iterable(rows)
    return "".join(pieces)


def _identified(
    members: Sequence[Any], identity: _Names
) -> tuple[dict[str, _Member], Mapping[str, int]]:
    """Return the last member of each id, and how many entries are skipped for what reason."""
    plain = _plain_ids(members, identity)
    if plain is not None:
        return dict(zip(plain, members, strict=True)), {}
    found = [_member_id(member, identity) for member in members]
    kept = {one: member for one, member in zip(found, members, strict=True) if type(one) is str}
    return kept, Counter(one.value for one in found if type(one) is Skip)


def _plain_ids(members: Sequence[Any], identity: _Names) -> Sequence[str] | None:
    """Read ids that surely all have the same name; None decides nothing."""
    if set(map(type, members)) != {dict}:
        return None
    for name in identity:
        column = [member.get(name) for member in members]
        if _are_texts(column):
            return column if member_ids.are_surely_usable(column) else None
        if column.count(None) < len(column):
            break
    return None


def _member_id(member: object, identity: _Names) -> str | Skip:
    """Read the first usable identity, or say what is wrong with the first one sent."""
    if type(member) is not dict:
        return Skip.NOT_AN_OBJECT
    problem: Skip | None = None
    for value in map(member.get, identity):
        if value is None:
            continue
        text = _id_text(value)
        why = Skip.WRONG_TYPE if text is None else member_ids.why_unusable(text)
        if text is not None and why is None:
            return text
        problem = problem or why
    return problem or Skip.MISSING_ID


def _id_text(value: object) -> str | None:
    return str(value) if type(value) in _FILLING else None


def _places(members: Sequence[_Member]) -> Iterator[tuple[_Shape, list[int]]]:
    """Say for each shape where the members are that have it."""
    by_names: defaultdict[_Names, list[int]] = defaultdict(list)
    for place, names in enumerate(map(tuple, members)):
        by_names[names].append(place)
    for names, places in by_names.items():
        known = tuple(name for name in names if name in _KNOWN)
        by_odd: defaultdict[_Names, list[int]] = defaultdict(list)
        for place in places:
            by_odd[_odd(members[place], known)].append(place)
        for odd, alike in by_odd.items():
            yield _Shape.of(names, odd), alike


def _odd(member: _Member, known: _Names) -> _Names:
    if set(map(type, map(member.__getitem__, known))) <= _FILLING:
        return ()
    return tuple(name for name in known if type(member[name]) not in _FILLING)


def _present(spellings: _Names, names: _Names) -> _Names:
    return tuple(name for name in spellings if name in names)


def _lines(
    alike: Sequence[_Member], ids: Sequence[str], shape: _Shape, *, clean: bool
) -> list[str]:
    columns = [escaped(ids, clean=clean)]
    spellings = (shape.distinct_id, *shape.fields)
    columns += [_column(alike, names[0], clean=clean) for names in spellings if names]
    values = []
    for name in shape.rest:
        value, column = json_column([member[name] for member in alike], clean=clean)
        values.append(value)
        columns.append(column)
    rows = zip(*columns, strict=True)
    text = filled(shape.template(values, clean=clean), rows, lines=len(alike))
    return text.split("\n")[:-1]  # splitlines would end lines where Postgres does not


def _column(alike: Sequence[_Member], name: str, *, clean: bool) -> Sequence[str]:
    """Write one field of members, each of which has a text or an integer by that name."""
    column = [member[name] for member in alike]
    texts_only = column if _are_texts(column) else list(map(str, column))
    return escaped(texts_only, clean=clean)


def json_column(column: Sequence[object], *, clean: bool) -> tuple[str, Sequence[str]]:
    """Write the values of one property as JSON; what all of them share goes into a template."""
    found = [value for value in column if type(value) is str]
    others = [value for value in column if type(value) is not str]
    are_plain = clean or texts.is_plain("".join(found), but='"')
    if not are_plain or {list, dict} & set(map(type, others)):
        written = [json_body.storable_json(value, clean=clean) for value in column]
        return HOLE, list(map(member_rows.escape, written))
    if not others:
        return TEXT, found
    # These have no comma in them.
    scalars = iter(json_body.storable_json(others, clean=True)[1:-1].split(","))
    return HOLE, [f'"{value}"' if type(value) is str else next(scalars) for value in column]


def _are_texts(column: Collection[object]) -> TypeGuard[Sequence[str]]:
    return set(map(type, column)) == {str}


def escaped(column: Sequence[str], *, clean: bool) -> Sequence[str]:
    if clean or texts.is_plain("".join(column)):
        return column
    return [_escape(value) for value in column]


def _escape(value: str) -> str:
    return member_rows.escape(texts.storable(value))
