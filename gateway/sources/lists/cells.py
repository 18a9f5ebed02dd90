"""Rows of cells turned into members, column by column."""

from __future__ import annotations

import dataclasses
import re
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final

from gateway.core.cohorts import member_rows
from gateway.core.cohorts.member_ids import Skip
from gateway.sources import json_body, member_writer
from gateway.sources.lists import blocks, ids, limits
from gateway.sources.lists.blocks import Block
from gateway.sources.lists.reading import Read, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.sources.lists.blocks import Rows
    from gateway.sources.lists.layout import Layout

# What jsonb may not give back as it was, or not take at all, so it is looked at by `json_body`.
_ODD_JSON: Final = re.compile(r"\\u|\d[eE]|\d{300}|\x00")
_MOST_PLAIN_BRACKETS: Final = 100

_Cells = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Cells:
    """The rows of a table with columns; if it has a header, that is the first of them."""

    rows: Rows
    layout: Layout
    has_header: bool

    def read(self) -> Iterator[Read]:
        """Read all rows below the header, in blocks that are small where names are long."""
        named = sum(map(len, self.layout.columns))
        most = min(limits.BLOCK_ROWS, limits.NAMES_CHARACTERS_PER_BLOCK // (named + 1) + 1)
        is_above = self.has_header
        for block in self.rows.blocks():
            below = block
            if is_above:
                below = blocks.without_empty(block)
                is_above = not below.rows
                below = Block(below.rows[1:], below.numbers[1:], block.progress)
            yield from (_understood(part, self.layout) for part in blocks.parts(below, most))


def _understood(block: Block, layout: Layout) -> Read:
    if set(map(len, block.rows)) == {len(layout.columns)}:
        found = list(map(itemgetter(layout.member_id), block.rows))
        if _are_plain(found):
            return Read(ids=found, text=_written(block.rows, layout), progress=block.progress)
    fitted, rejected = _fitted(blocks.without_empty(block), len(layout.columns))
    found = list(map(itemgetter(layout.member_id), fitted.rows))
    whys = list(map(ids.why_unusable, found))
    rejected += [
        Rejected(number, why, tuple(row))
        for row, number, why in zip(fitted.rows, fitted.numbers, whys, strict=True)
        if why is not None
    ]
    usable = [one for one, why in zip(found, whys, strict=True) if why is None]
    rows = [row for row, why in zip(fitted.rows, whys, strict=True) if why is None]
    return Read(
        ids=usable,
        text=_written(rows, layout),
        rejected=sorted(rejected, key=attrgetter("row")),
        outer_blanks=sum(map(ids.has_outer_blanks, usable)),
        progress=block.progress,
    )


def _are_plain(found: Sequence[str]) -> bool:
    return set(map(type, found)) == {str} and ids.are_surely_usable(found)


def _fitted(block: Block, width: int) -> tuple[Block, list[Rejected]]:
    """Give each row as many cells as there are columns, unless it has something in others."""
    rows: list[Sequence[str]] = []
    numbers: list[int] = []
    rejected: list[Rejected] = []
    for row, number in zip(block.rows, block.numbers, strict=True):
        if any(row[width:]):
            rejected.append(Rejected(number, Skip.TOO_MANY_CELLS, tuple(row[: limits.MAX_CELLS])))
            continue
        rows.append([*row[:width], *[""] * (width - len(row))])
        numbers.append(number)
    return Block(rows, numbers, block.progress), rejected


def _written(rows: Sequence[Sequence[str]], layout: Layout) -> str:
    if not rows:
        return ""
    columns: list[_Cells] = list(zip(*rows, strict=True))
    holes = [member_writer.escaped(columns[layout.member_id], clean=False)]
    if layout.bare:
        template = "\t".join([member_writer.HOLE, *[member_rows.NULL] * _OTHERS]) + "\n"
        return member_writer.filled(template, zip(*holes, strict=True), lines=len(rows))
    parts = [member_writer.HOLE]
    for places in layout.profile:
        parts.append(member_writer.HOLE if places else member_rows.NULL)
        holes += [_field([columns[place] for place in places])] if places else []
    properties, of_properties = _properties(columns, layout)
    template = "\t".join([*parts, properties]) + "\n"
    rows_of_holes = zip(*holes, *of_properties, strict=True)
    return member_writer.filled(template, rows_of_holes, lines=len(rows))


_OTHERS: Final = len(member_rows.COLUMNS) - 1


def _field(columns: Sequence[_Cells]) -> Sequence[str]:
    """Write one field: of several columns, the first that has something in it counts for a row."""
    column = columns[0]
    for other in columns[1:]:
        column = tuple(one or two for one, two in zip(column, other, strict=True))
    written = member_writer.escaped(column, clean=False)
    return [one or member_rows.NULL for one in written] if "" in column else written


def _properties(columns: Sequence[_Cells], layout: Layout) -> tuple[str, list[Sequence[str]]]:
    """Return a template of an object, and what its holes are filled with.

    Where a column has empty cells, its hole takes name and value together, with a comma in front,
    or nothing at all.
    """
    dense: list[str] = []
    holes: list[Sequence[str]] = []
    sparse: list[Sequence[str]] = []
    for place in layout.properties:
        name = _name(layout.columns[place])
        if "" in columns[place]:
            sparse.append(_pieces(name, columns[place]))
            continue
        value, column = member_writer.json_column(columns[place], clean=False)
        dense.append(f"{name}:{value}")
        holes.append(column)
    if layout.document is not None:
        sparse.append(list(map(_inner, columns[layout.document])))
    if not dense and sparse:
        joined = [piece[1:] for piece in map("".join, zip(*sparse, strict=True))]
        return f"{{{member_writer.HOLE}}}", [joined]
    return "{" + ",".join(dense) + member_writer.HOLE * len(sparse) + "}", holes + sparse


def _name(column: str) -> str:
    return member_rows.escape(json_body.storable_json(column, clean=False))


def _pieces(name: str, column: _Cells) -> Sequence[str]:
    """Write a property of the rows that have it."""
    present = [cell for cell in column if cell]
    value, written = member_writer.json_column(present, clean=False)
    head, _, tail = f",{name}:{value}".partition(member_writer.HOLE)
    filled = iter(written)
    return [f"{head}{next(filled)}{tail}" if cell else "" for cell in column]


def _inner(cell: str) -> str:
    """Write what is in an object of JSON, with a comma in front if there is something.

    A text that is no object becomes a property by the name of its column.
    """
    text = cell.strip(" \t\r\n")
    if not text:
        return ""
    parsed = json_body.parse(text.encode())
    if parsed.problem is not None or type(parsed.value) is not dict:
        return f",{_name('properties')}:{_name(cell)}"
    is_odd = (
        _ODD_JSON.search(text) is not None
        or text.count("[") + text.count("{") > _MOST_PLAIN_BRACKETS
    )
    written = json_body.storable_json(parsed.value, clean=False) if is_odd else text
    inner = written[1:-1].strip(" \t\r\n")
    return "," + member_rows.escape(inner) if inner else ""
