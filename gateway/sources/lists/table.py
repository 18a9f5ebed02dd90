"""A file as a table: what it is, which column is what, and its members in batches."""

from __future__ import annotations

import dataclasses
from typing import IO, TYPE_CHECKING, Final

from gateway.core import texts
from gateway.sources.lists import (
    blocks,
    cells,
    delimited,
    delimiters,
    encodings,
    layout,
    limits,
    names,
    ndjson,
    options,
    recognition,
)
from gateway.sources.lists.batches import Batch, batches
from gateway.sources.lists.options import Format, Options
from gateway.sources.lists.xlsx import sheet, workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway.sources.lists.blocks import Rows
    from gateway.sources.lists.encodings import Encoding
    from gateway.sources.lists.layout import Layout
    from gateway.sources.lists.reading import Content

    Remembered = Callable[[tuple[str, ...]], Mapping[str, str] | None]

# The receipt's word for a file that was read as Windows-1252 because it is not UTF-8.
ENCODING_GUESSED: Final = "encoding_guessed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A file with columns that are known.

    `encoding` is a label of WHATWG, None for XLSX; `delimiter` is None unless it is CSV. `mapping`
    is column → field (`names.Field`), without columns that are ignored. `bare` tells that there is
    no column but the id; then members keep the profile that they have. `warnings` are of the whole
    file, code → count; those about rows come with the batches.
    """

    format: Format
    encoding: str | None
    delimiter: str | None
    columns: tuple[str, ...]
    mapping: Mapping[str, str]
    bare: bool
    warnings: Mapping[str, int]
    _content: Content

    def batches(self, *, rows_per_batch: int = limits.ROWS_PER_BATCH) -> Iterator[Batch]:
        """Read all rows from the start, in constant memory.

        Raises errors.ReadFailed, also after some batches: then none of them may count.
        """
        return batches(self._content.read(), rows_per_batch=rows_per_batch)


def open_table(file: IO[bytes], asked: Options, *, remembered: Remembered | None = None) -> Table:
    """Find out what a file is. It has to stay open and as it is while the table is used.

    `remembered` returns the mapping that a file with these columns had when it was last applied.
    Raises errors.ReadFailed.
    """
    file.seek(0)
    start = file.read(limits.START_BYTES)
    recognition.refuse_foreign(start)
    remember = remembered or _nothing
    is_zip = start.startswith(recognition.ZIP)
    if is_zip or asked.format == Format.XLSX:
        return _of_workbook(file, asked, remember)
    return _of_text(file, start, asked, remember)


def _nothing(_: tuple[str, ...]) -> None:
    """Remember no mapping."""


def _of_workbook(file: IO[bytes], asked: Options, remember: Remembered) -> Table:
    rows = sheet.Sheet(workbook.open_sheet(file, asked.sheet))
    first = blocks.first_rows(rows)
    is_single = max(map(len, first), default=0) <= 1
    first_cell = first[0][0] if first else ""
    is_list = is_single and not (asked.header and _is_name(first_cell, asked, remember))
    found, has_header = _laid_out(first, asked, remember, is_list=is_list)
    return Table(
        format=Format.XLSX,
        encoding=None,
        delimiter=None,
        columns=found.columns,
        mapping=found.mapping,
        bare=found.bare,
        warnings={},
        _content=cells.Cells(rows, found, has_header),
    )


def _of_text(file: IO[bytes], start: bytes, asked: Options, remember: Remembered) -> Table:
    if asked.encoding is None and not encodings.has_bom(start):
        recognition.refuse_binary(start)
    encoding = encodings.of_file(file, asked.encoding)
    text = encodings.Text(file, encoding)
    sample = text.start(limits.START_BYTES)
    is_ndjson = asked.format is None and recognition.is_ndjson(sample)
    if is_ndjson or asked.format == Format.NDJSON:
        return _of_objects(text, encoding, asked, remember)
    is_whole = len(start) < limits.START_BYTES
    delimiter = _delimiter(sample, asked, remember, is_whole=is_whole)
    rows: Rows = delimited.Delimited(text, delimiter) if delimiter else delimited.Lines(text)
    if asked.format != Format.TEXT and delimiters.declared(sample)[0] is not None:
        rows = blocks.BelowFirst(rows)
    first = blocks.first_rows(rows)
    found, has_header = _laid_out(first, asked, remember, is_list=delimiter is None)
    return Table(
        format=Format.TEXT if delimiter is None else Format.CSV,
        encoding=encoding.label,
        delimiter=delimiter,
        columns=found.columns,
        mapping=found.mapping,
        bare=found.bare,
        warnings=_warnings(encoding),
        _content=cells.Cells(rows, found, has_header),
    )


def _of_objects(
    text: encodings.Text, encoding: Encoding, asked: Options, remember: Remembered
) -> Table:
    lines = delimited.Lines(text)
    columns = ndjson.columns(lines)
    found = layout.of_table(columns, asked, remember(columns))
    return Table(
        format=Format.NDJSON,
        encoding=encoding.label,
        delimiter=None,
        columns=found.columns,
        mapping=found.mapping,
        bare=False,  # an object is a whole member, whatever it lacks
        warnings=_warnings(encoding),
        _content=ndjson.content(lines, found, asked),
    )


def _warnings(encoding: Encoding) -> Mapping[str, int]:
    return {ENCODING_GUESSED: 1} if encoding.guessed else {}


def _delimiter(sample: str, asked: Options, remember: Remembered, *, is_whole: bool) -> str | None:
    """Find the delimiter of a text; None if each line of it is an id."""
    if asked.format == Format.TEXT:
        return None
    if asked.delimiter is not None:
        return asked.delimiter

    def is_name(cell: str) -> bool:
        return asked.header and _is_name(cell, asked, remember)

    declared, below = delimiters.declared(sample)
    if declared is None:
        found = delimiters.find(below, is_whole=is_whole, is_name=is_name)
    else:
        found = delimiters.of_declaration(declared, below, is_whole=is_whole, is_name=is_name)
    if found is None and (asked.format == Format.CSV or is_name(delimiters.first_cell(below))):
        return declared or options.DELIMITERS[0]
    return found


def _is_name(cell: str, asked: Options, remember: Remembered) -> bool:
    """Tell whether a cell names a column of ids; it may have been the only column before."""
    is_known = names.comparable(cell) in layout.id_names(asked)
    return is_known or remember((texts.storable(cell),)) is not None


def _laid_out(
    first: Sequence[Sequence[str]], asked: Options, remember: Remembered, *, is_list: bool
) -> tuple[Layout, bool]:
    """Lay out a table by its first rows, and tell whether it has a header."""
    if is_list or not first:
        return layout.of_ids(layout.numbered(1), asked), False
    if not asked.header:
        columns = layout.numbered(len(first[0]))
        return layout.of_table(columns, asked, remember(columns)), False
    columns = layout.header(first[0])
    return layout.of_table(columns, asked, remember(columns)), True
