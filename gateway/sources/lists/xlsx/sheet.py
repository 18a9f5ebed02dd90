"""A sheet of a workbook as blocks of rows; the number of a row is the one that Excel shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.sources.lists import limits
from gateway.sources.lists.blocks import Block
from gateway.sources.lists.xlsx import archive, formats, markup, shared
from gateway.sources.lists.xlsx.formats import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.sources.lists.xlsx.workbook import Workbook

_NAMES: Final = markup.known("row", "c", "v", "t", "rPh")
_MAX_LETTERS: Final = 3
_MAX_ROW: Final = 2**31


class Sheet:
    """The rows of a sheet."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook

    def blocks(self) -> Iterator[Block]:
        """Read all rows. Raises errors.ReadFailed."""
        book = self._workbook
        size = max(1, book.sheet_bytes)
        reader = _Reader(book)
        with archive.translated():
            part = book.archive.open(book.sheet)
        with part:
            for _ in markup.stream(part, reader):
                yield from reader.take(progress=min(1.0, part.tell() / size))
        reader.cut()
        yield from reader.take(progress=1.0)


class _Reader:
    """Takes the elements of a sheet, and cuts its rows into blocks."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._ready: list[tuple[list[list[str]], list[int]]] = []
        self._rows: list[list[str]] = []
        self._numbers: list[int] = []
        self._characters = 0
        self._row: list[str] = []
        self._of_row = 0
        self._number = 0
        self._column = 0
        self._type = "n"
        self._style = 0
        self._pieces: list[str] = []
        self._is_value = self._is_reading = False

    def take(self, *, progress: float) -> Iterator[Block]:
        """Hand over the blocks that are ready."""
        ready, self._ready = self._ready, []
        for rows, numbers in ready:
            yield Block(rows, numbers, progress)

    def cut(self) -> None:
        """End a block."""
        self._ready.append((self._rows, self._numbers))
        self._rows, self._numbers, self._characters = [], [], 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        match _NAMES.get(name):
            case "c":
                self._start_cell(attributes)
            case "v":
                self._is_value = True
            case "t":
                self._is_value = self._type == "inlineStr" and not self._is_reading
            case "row":
                self._start_row(attributes)
            case "rPh":
                self._is_reading = True

    def end(self, name: str) -> None:
        match _NAMES.get(name):
            case "v" | "t":
                self._is_value = False
            case "c":
                self._end_cell()
            case "row":
                self._end_row()
            case "rPh":
                self._is_reading = False

    def text(self, text: str) -> None:
        if self._is_value:
            self._pieces.append(text)
            self._add(len(text))

    def _add(self, characters: int) -> None:
        """Count the characters of a row, and what a cell takes by itself."""
        self._of_row += characters
        if self._of_row > limits.MAX_RECORD_BYTES:
            raise archive.too_large(f"Row {self._number} of the sheet has more than 1 MiB.")

    def _start_row(self, attributes: Mapping[str, str]) -> None:
        self._row, self._of_row, self._column = [], 0, 0
        self._number = _natural(attributes.get("r"), default=self._number + 1, most=_MAX_ROW)

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        place = attributes.get("r")
        self._column = self._column + 1 if place is None else _column(place)
        self._type = attributes.get("t", "n")
        self._style = _natural(attributes.get("s"), default=0, most=_MAX_ROW)
        self._pieces = []

    def _end_cell(self) -> None:
        if not self._pieces or self._type == "e":
            return
        cell = self._cell("".join(self._pieces))
        # One that is too far to the right says so in the first place that is.
        place = min(self._column, limits.MAX_CELLS + 1)
        missing = place - len(self._row)
        self._row += [""] * missing
        self._row[place - 1] = cell
        self._add(len(cell) if self._type == "s" else 0)

    def _end_row(self) -> None:
        self._rows.append(self._row)
        self._numbers.append(self._number)
        self._characters += self._of_row + len(self._row)
        if len(self._rows) >= limits.BLOCK_ROWS or self._characters >= limits.BLOCK_CHARACTERS:
            self.cut()

    def _cell(self, text: str) -> str:
        match self._type:
            case "s":
                return self._book.texts[_natural(text.strip(), default=0, most=_MAX_ROW)]
            case "b":
                return "true" if text.strip() in ("1", "true") else "false"
            case "n":
                if self._kind() is Kind.DATE:
                    return formats.date(text, since_1904=self._book.since_1904)
                return formats.number(text)
            case "d":
                return formats.iso(text)
            case _:
                return shared.unescape(text)

    def _kind(self) -> Kind:
        kinds = self._book.kinds
        return kinds[self._style] if self._style < len(kinds) else Kind.NUMBER


def _natural(text: str | None, *, default: int, most: int) -> int:
    """Read a number in decimal digits. Raises errors.ReadFailed for anything else."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        raise archive.damaged()
    return int(text)


def _column(place: str) -> int:
    """Read the number of a column, from 1, in the name of a cell such as `AB12`."""
    letters = place.rstrip("0123456789")
    if not (0 < len(letters) <= _MAX_LETTERS and letters.isascii() and letters.isupper()):
        raise archive.damaged()
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
