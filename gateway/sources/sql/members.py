"""Rows of a result turned into members, column by column."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from gateway.core.cohorts import member_ids, member_rows
from gateway.core.cohorts.member_ids import Skip
from gateway.sources import json_body, member_writer
from gateway.sources.sql import definition as definitions
from gateway.sources.sql import values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.sql.columns import Columns

    Row = Sequence[Any]

OUTER_BLANKS: Final = "outer_blanks"
SAMPLE_ROWS: Final = 20
MAX_CELL_CHARACTERS: Final = 1000
# Not strings of their own, but lists and objects: no text of theirs is an id.
_STRUCTURES: Final = (list, tuple, dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rejected:
    """A row that is no member: its number from 1, the reason, and its cells as texts."""

    row: int
    reason: Skip
    cells: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Some rows of a result, in order; a value of the protocol `load.Members`.

    It is what `lists.batches.Batch` is for a file. How much is left of a result is not known.
    """

    roster: bytes
    usable: int
    received: int
    duplicate: int
    skipped: Mapping[str, int]
    rejected: Sequence[Rejected]
    warnings: Mapping[str, int]
    sample: Sequence[Mapping[str, Any]]
    progress: float | None = None


def batch(rows: Sequence[Row], columns: Columns, *, first: int) -> Batch:
    """Make a batch of rows, the first of which has a number."""
    found = [_id(row[columns.member_id]) for row in rows]
    rejected = [
        Rejected(row=number, reason=one, cells=_cells(row))
        for number, (row, one) in enumerate(zip(rows, found, strict=True), start=first)
        if type(one) is Skip
    ]
    # Of an id that comes twice the last row is taken.
    last = {one: row for one, row in zip(found, rows, strict=True) if type(one) is str}
    kept, ids = list(last.values()), list(last)
    usable = len(rows) - len(rejected)
    text = _written(kept, ids, columns) if kept else ""
    outer_blanks = sum(one != one.strip(member_ids.WHITE_SPACE) for one in ids)
    lines = itertools.islice(text.split("\n")[:-1], max(0, SAMPLE_ROWS - first + 1))
    return Batch(
        roster=text.encode(),
        usable=len(ids),
        received=len(rows),
        duplicate=usable - len(ids),
        skipped=Counter(one.reason.value for one in rejected),
        rejected=rejected,
        warnings={OUTER_BLANKS: outer_blanks} if outer_blanks else {},
        sample=[member_rows.shown(line) for line in lines],
    )


def _id(value: Any) -> str | Skip:  # noqa: ANN401 - whatever a driver has
    if value is None:
        return Skip.MISSING_ID
    if isinstance(value, _STRUCTURES):
        return Skip.WRONG_TYPE
    text = values.text(value)
    return member_ids.why_unusable(text) or text


def _cells(row: Row) -> tuple[str, ...]:
    """Write the cells of a row that is no member; those of a size that no person reads are cut."""
    return tuple("" if one is None else values.text(one)[:MAX_CELL_CHARACTERS] for one in row)


def _written(rows: Sequence[Row], ids: Sequence[str], columns: Columns) -> str:
    by_place = list(zip(*rows, strict=True))
    holes = [member_writer.escaped(ids, clean=False)]
    # No column of a result fills the distinct id.
    parts = [member_writer.HOLE, member_rows.NULL]
    for field in definitions.PROFILE:
        place = columns.profile.get(field)
        parts.append(member_rows.NULL if place is None else member_writer.HOLE)
        holes += [] if place is None else [_field(by_place[place])]
    properties = []
    for name, place in columns.properties.items():
        template, column = _property(by_place[place])
        written = member_rows.escape(json_body.storable_json(name, clean=False))
        properties.append(f"{written}:{template}")
        holes.append(column)
    parts.append("{" + ",".join(properties) + "}")
    template = "\t".join(parts) + "\n"
    return member_writer.filled(template, zip(*holes, strict=True), lines=len(rows))


def _field(column: Sequence[Any]) -> Sequence[str]:
    written = values.texts(column)
    present = [one for one in written if one is not None]
    escaped = iter(member_writer.escaped(present, clean=False))
    return [member_rows.NULL if one is None else next(escaped) for one in written]


def _property(column: Sequence[Any]) -> tuple[str, Sequence[str]]:
    """Return a template of a value, and what its holes are filled with."""
    if set(map(type, column)) <= _PLAIN:
        return member_writer.json_column(column, clean=False)
    return member_writer.HOLE, [member_rows.escape(values.json_text(one)) for one in column]


_PLAIN: Final = {str, int, bool, type(None)}
