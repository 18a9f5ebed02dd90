"""Lines of JSON: each an object with the fields of Member, or others that are read alike."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway.core import texts
from gateway.core.cohorts import member_ids, member_rows
from gateway.core.cohorts.member_ids import Skip
from gateway.sources import json_body
from gateway.sources.lists import blocks, ids, layout, limits, names, recognition
from gateway.sources.lists.names import Field
from gateway.sources.lists.reading import Read, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.sources.lists.blocks import Block, Rows
    from gateway.sources.lists.layout import Layout
    from gateway.sources.lists.options import Options

_FILLING: Final = {str, int}  # as in `member_writer`

# One spelling of each name is enough, as names are compared.
_PROFILE: Final = ("distinct_id", "email", "first_name", "last_name", "phone_number", "phone")

_Object = dict[str, Any]


def columns(lines: Rows) -> tuple[str, ...]:
    """Read the names that the first objects have. Raises errors.ReadFailed if there is none."""
    found: dict[str, None] = {}
    for place, row in enumerate(blocks.first_rows(lines)):
        value = _parsed(row[0])
        if value is not None:
            found.update(dict.fromkeys(value))
        elif place == 0:
            raise recognition.other_json()
    if len(found) > limits.MAX_CELLS:
        raise limits.too_many_columns()
    return tuple(map(texts.storable, found))


def content(lines: Rows, shown: Layout, options: Options) -> Objects:
    """Read objects that are laid out as the first ones are.

    A later one may have a field of the profile that none of these has; it is known by its name.
    """
    seen = set(map(names.comparable, shown.columns))
    unseen = tuple(name for name in _PROFILE if names.comparable(name) not in seen)
    mapping = {column: field for column, field in shown.mapping.items() if column not in unseen}
    said = dataclasses.replace(options, member_id=None, fields={}, mapping=mapping)
    return Objects(lines, layout.of_table(shown.columns + unseen, said, None), shown.columns)


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of a file; of rejected ones the values of `columns` are kept."""

    lines: Rows
    layout: Layout
    columns: tuple[str, ...]

    def read(self) -> Iterator[Read]:
        """Read all lines."""
        reader = _Reader(self.layout, self.columns)
        for block in self.lines.blocks():
            yield reader.understood(blocks.without_empty(block))


class _Reader:
    """Reads members by the fields that names have; a name without a field is a property."""

    def __init__(self, given: Layout, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._member_id = given.columns[given.member_id]
        self._profile = [[given.columns[place] for place in places] for places in given.profile]
        fields = zip(given.columns, given.fields, strict=True)
        self._ignored = {column for column, field in fields if field is None}
        self._ignored |= {self._member_id, names.ENTERED_AT}

    def understood(self, block: Block) -> Read:
        found: list[str] = []
        lines: list[str] = []
        rejected: list[Rejected] = []
        for row, number in zip(block.rows, block.numbers, strict=True):
            value = _parsed(row[0])
            if value is None:
                rejected.append(Rejected(number, Skip.NOT_AN_OBJECT, (row[0],)))
                continue
            member_id = self._id(value)
            if isinstance(member_id, Skip):
                rejected.append(Rejected(number, member_id, self._cells(value)))
                continue
            found.append(member_id)
            lines.append(self._line(member_id, value))
        return Read(
            ids=found,
            text="".join(lines),
            rejected=rejected,
            outer_blanks=sum(map(ids.has_outer_blanks, found)),
            progress=block.progress,
        )

    def _id(self, value: _Object) -> str | Skip:
        if len(value) > limits.MAX_CELLS:
            return Skip.TOO_MANY_CELLS
        given = value.get(self._member_id)
        if given is None or given == "":
            return Skip.MISSING_ID
        if type(given) not in _FILLING:
            return Skip.WRONG_TYPE
        return member_ids.why_unusable(str(given)) or str(given)

    def _line(self, member_id: str, value: _Object) -> str:
        profile = [self._first(value, spellings) for spellings in self._profile]
        properties = {
            name: inner for name, inner in value.items() if not self._is_taken(name, inner)
        }
        document = properties.get(Field.PROPERTIES)
        if isinstance(document, dict):
            del properties[Field.PROPERTIES]
            properties = document | properties
        written = json_body.storable_json(properties, clean=False)
        parts = [member_id, *profile, written]
        escaped = [member_rows.NULL if one is None else member_rows.escape(one) for one in parts]
        return "\t".join(escaped) + "\n"

    def _first(self, value: _Object, spellings: Sequence[str]) -> str | None:
        for name in spellings:
            if type(value.get(name)) in _FILLING:
                return texts.storable(str(value[name]))
        return None

    def _is_taken(self, name: str, inner: object) -> bool:
        """Tell whether a value fills a field, or is left out; a null is no value."""
        if name in self._ignored:
            return True
        is_field = any(name in spellings for spellings in self._profile)
        return is_field and (inner is None or type(inner) in _FILLING)

    def _cells(self, value: _Object) -> tuple[str, ...]:
        return tuple(map(_cell, map(value.get, self._columns)))


def _parsed(line: str) -> _Object | None:
    """Read an object on a line; None for anything else."""
    parsed = json_body.parse(line.encode())
    return parsed.value if parsed.problem is None and isinstance(parsed.value, dict) else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return texts.storable(value)
    return json_body.storable_json(value, clean=False)
