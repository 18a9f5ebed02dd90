"""Text files: CSV, TSV and their like, and lists of one id a line, as blocks of rows."""

from __future__ import annotations

import csv
import io
import itertools
from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.lists import limits, lines
from gateway.sources.lists.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.sources.lists.encodings import Text


class Delimited:
    """The records of a CSV file. Quotes are doubled in quoted cells, which may have line ends."""

    def __init__(self, text: Text, delimiter: str) -> None:
        self._text = text
        self._delimiter = delimiter

    def blocks(self) -> Iterator[Block]:
        """Read all records.

        Raises errors.ReadFailed for a quote without end, and for a record that is too large.
        """
        return _Reading(self._text, self._delimiter).blocks()


class _Reading:
    """One reading of a file, as far as it has come: `rows` are those of the next block."""

    def __init__(self, text: Text, delimiter: str) -> None:
        csv.field_size_limit(limits.MAX_CELL)
        self._text = text
        pieces = itertools.chain.from_iterable(self._watched())
        self._reader = csv.reader(pieces, delimiter=delimiter, strict=False)
        self._rows: list[list[str]] = []
        self._first_line = 1
        self._read = 0
        self._read_at_end: int | None = None
        self._is_due = self._may_have_large_one = False

    def blocks(self) -> Iterator[Block]:
        append = self._rows.append
        for row in self._reader:
            append(row)
            if self._is_due:
                yield self._block()
                append = self._rows.append
        block = self._block()
        if self._read != self._read_at_end:
            raise _unclosed(block.numbers[-1])
        yield block

    def _block(self) -> Block:
        """Hand the rows over that were read, and begin anew."""
        rows, first, end = self._rows, self._first_line, self._reader.line_num + 1
        is_plain = len(rows) == end - first
        numbers = range(first, end) if is_plain else _numbers(rows, first)
        if self._may_have_large_one:
            _refuse_large(rows, numbers)
        self._rows = []
        self._first_line = end
        self._read += len(rows)
        self._is_due = self._may_have_large_one = False
        return Block(rows, numbers, self._text.progress)

    def _watched(self) -> Iterator[Iterator[str]]:
        """Feed the text to the reader, unless one record has taken in too much of it."""
        before = of_record = 0
        for piece in lines.groups(self._text.chunks()):
            read = self._read + len(self._rows)
            if read > before:
                before, of_record = read, 0
            if of_record > limits.MAX_RECORD_BYTES:
                raise _unclosed([*_numbers([*self._rows, []], self._first_line)][-1])
            # A record that large either began before the last piece, or has a line as long as this.
            if of_record or len(piece) > 2 * limits.CHUNK_BYTES:
                self._may_have_large_one = True
            of_record += len(piece)
            self._is_due = True
            yield io.StringIO(piece, newline="")
        self._read_at_end = self._read + len(self._rows)


def _numbers(rows: Sequence[Sequence[str]], first: int) -> list[int]:
    """Number records by their lines: a line end in a cell makes one longer."""
    lengths = (1 + sum(map(lines.count, row)) for row in rows)
    return list(itertools.accumulate(lengths, initial=first))[:-1]


class Lines:
    """The lines of a file as rows of one cell; nothing in a line has a meaning of its own."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def blocks(self) -> Iterator[Block]:
        """Read all lines. Raises errors.ReadFailed for one that is too large."""
        first = 1
        for piece in lines.groups(self._text.chunks()):
            rows = [[line.rstrip("\r\n")] for line in io.StringIO(piece, newline="")]
            numbers = range(first, first + len(rows))
            first += len(rows)
            if len(piece) > 2 * limits.CHUNK_BYTES:
                _refuse_large(rows, numbers)
            yield Block(rows, numbers, self._text.progress)


def _refuse_large(rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    for row, number in zip(rows, numbers, strict=True):
        if _is_large(row):
            # Only in quotes does a record have several lines.
            raise (
                _unclosed(number) if any(map(lines.count, row)) else limits.record_too_large(number)
            )


def _is_large(row: Sequence[str]) -> bool:
    characters = sum(map(len, row))
    return 4 * characters > limits.MAX_RECORD_BYTES and (
        len("".join(row).encode()) > limits.MAX_RECORD_BYTES
    )


def _unclosed(line: int) -> errors.ReadFailed:
    return errors.ReadFailed(
        Failure.UNCLOSED_QUOTE,
        f'A cell of the record that begins in row {line} begins with a quote (") without an end.',
        hint="Close the quote, or write the cell without it.",
    )
