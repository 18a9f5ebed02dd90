"""Which column of a table is what: from the names in its header, and what was said about them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import texts
from gateway.core.cohorts.failures import Failure
from gateway.sources.lists import limits, names
from gateway.sources.lists.names import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.sources.lists.options import Options

_SHOWN_COLUMNS: Final = 30
_SHOWN_CHARACTERS: Final = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the parts of a member are in a row, by the places of the columns.

    `profile` has the places that fill each of `names.PROFILE`, the one to take first in front.
    `document` is where an object of properties is, as JSON.
    """

    columns: tuple[str, ...]
    fields: tuple[Field | None, ...]
    member_id: int
    profile: tuple[tuple[int, ...], ...]
    properties: tuple[int, ...]
    document: int | None

    @property
    def mapping(self) -> dict[str, str]:
        """Column → field, without the columns that are ignored."""
        pairs = zip(self.columns, self.fields, strict=True)
        return {column: field.value for column, field in pairs if field is not None}

    @property
    def bare(self) -> bool:
        """Whether there is no column but the id."""
        return len(self.columns) == 1


def header(cells: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of a table by the cells of its header. Raises errors.ReadFailed."""
    if len(cells) > limits.MAX_CELLS:
        raise limits.too_many_columns()
    if max(map(len, cells)) > limits.MAX_NAME_CHARACTERS:
        raise limits.name_too_long()
    return tuple(
        texts.storable(cell) if cell.strip() else f"column_{place}"
        for place, cell in enumerate(cells, start=1)
    )


def numbered(count: int) -> tuple[str, ...]:
    """Name the columns of a table without a header. Raises errors.ReadFailed."""
    if count > limits.MAX_CELLS:
        raise limits.too_many_columns()
    return tuple(map(str, range(1, count + 1)))


def id_names(options: Options) -> frozenset[str]:
    """Return the names of columns of ids, as they are compared."""
    mapping = options.mapping or {}
    given = [column for column, field in mapping.items() if field == Field.MEMBER_ID]
    given += [options.member_id] if options.member_id is not None else []
    return frozenset([*names.ID_NAMES, *map(names.comparable, given)])


def of_ids(columns: tuple[str, ...], options: Options) -> Layout:
    """Lay out a table that has a column of ids alone. Raises errors.ReadFailed."""
    only = {0: Field.MEMBER_ID}
    return _laid_out(columns, {**_explicit(_Places(columns), options, None), **only})


def of_table(
    columns: tuple[str, ...], options: Options, remembered: Mapping[str, str] | None
) -> Layout:
    """Lay out a table; `remembered` is the mapping that columns with these names had before.

    Raises errors.ReadFailed for a column that is missing, named twice, or has no id.
    """
    return _laid_out(columns, _explicit(_Places(columns), options, remembered))


class _Places:
    """Where the columns are. A name is looked for as it is, then as names are compared."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._by_name: dict[str, int] = {}
        for place, column in enumerate(columns):
            first = self._by_name.setdefault(names.comparable(column), place)
            if first != place:
                raise errors.ReadFailed(
                    Failure.AMBIGUOUS_COLUMN,
                    f"The columns {_shown([columns[first]])} and {_shown([column])} have the same"
                    " name: case, blanks, `_`, `-` and `$` make no difference.",
                    hint="Give each column a name of its own.",
                )

    def find(self, column: str) -> int:
        place = self._by_name.get(names.comparable(column))
        if place is None:
            raise errors.ReadFailed(
                Failure.COLUMN_MISSING,
                f"The file has no column {_shown([column])}; it has {_shown(self._columns)}.",
                hint="Choose one of these columns.",
            )
        return place


def _explicit(
    places: _Places, options: Options, remembered: Mapping[str, str] | None
) -> dict[int, Field]:
    """Return what was said about columns, by place: what is said now counts for more."""
    found: dict[int, Field] = {}
    said = [(column, field) for field, column in options.fields.items()]
    if options.member_id is not None:
        said.append((options.member_id, Field.MEMBER_ID))
    for pairs in ((remembered or {}).items(), (options.mapping or {}).items(), said):
        newer = {places.find(column): Field(field) for column, field in pairs}
        # What is said of a column twice counts too: an id that is also the e-mail address.
        single = {Field(field) for _, field in pairs} - {Field.PROPERTIES}
        older = {place: field for place, field in found.items() if field not in single}
        found = older | newer
    return found


def _laid_out(columns: tuple[str, ...], explicit: Mapping[int, Field]) -> Layout:
    compared = list(map(names.comparable, columns))
    is_member = names.are_of_member(compared)
    member_id = _id_place(columns, compared, explicit)
    fields = [
        _field(name, explicit.get(place), explicit.values(), is_member=is_member)
        for place, name in enumerate(compared)
    ]
    fields[member_id] = Field.MEMBER_ID
    properties = [place for place, field in enumerate(fields) if field is Field.PROPERTIES]
    documents = [place for place in properties if is_member and compared[place] == _DOCUMENT]
    return Layout(
        columns=columns,
        fields=tuple(fields),
        member_id=member_id,
        profile=tuple(
            _filling(field, fields, compared, member_id=member_id) for field in names.PROFILE
        ),
        properties=tuple(place for place in properties if place not in documents),
        document=documents[0] if documents else None,
    )


_DOCUMENT: Final = names.comparable(Field.PROPERTIES)
_IGNORED: Final = names.comparable(names.ENTERED_AT)


def _id_place(
    columns: Sequence[str], compared: Sequence[str], explicit: Mapping[int, Field]
) -> int:
    given = [place for place, field in explicit.items() if field is Field.MEMBER_ID]
    if given:
        return given[0]
    for name in names.ID_NAMES:
        if name in compared and compared.index(name) not in explicit:
            return compared.index(name)
    raise errors.ReadFailed(
        Failure.NO_ID_COLUMN,
        f"No column of the file is known to have the ids of members; it has {_shown(columns)}.",
        hint="Say which column has them, or call it `member_id`.",
    )


def _field(
    name: str, said: Field | None, all_said: Iterable[Field], *, is_member: bool
) -> Field | None:
    """Say what a column is: as was said, else by its name, unless another column is that."""
    if said is not None:
        return said
    if is_member and name == _IGNORED:
        return None
    field = names.FILLS[name][0] if name in names.FILLS else Field.PROPERTIES
    return Field.PROPERTIES if field in all_said else field


def _filling(
    field: Field, fields: Sequence[Field | None], compared: Sequence[str], *, member_id: int
) -> tuple[int, ...]:
    """Find the columns that fill a field; the id also fills the one that its name says."""
    found = [place for place, one in enumerate(fields) if one is field]
    if names.FILLS.get(compared[member_id], (None,))[0] is field:
        found.append(member_id)
    return tuple(sorted(found, key=lambda place: names.FILLS.get(compared[place], (field, 0))[1]))


def _shown(columns: Sequence[str]) -> str:
    shown = [f"“{texts.cut(column, _SHOWN_CHARACTERS)}”" for column in columns[:_SHOWN_COLUMNS]]
    more = len(columns) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
