"""Rejected rows as CSV, for a person to open in a spreadsheet and correct."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gateway.sources.lists.reading import Rejected

# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
_ROWS_AT_ONCE: Final = 500


def as_csv(columns: Sequence[str], rows: Iterable[Rejected]) -> Iterator[bytes]:
    """Write a header and each row, as UTF-8: its number, the reason, and the cells as read."""
    written = io.StringIO(newline="")
    # With another end of lines, the writer would not quote a CR.
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(map(_harmless, ["row", "reason", *columns]))
    for count, row in enumerate(rows, start=1):
        writer.writerow([row.row, row.reason.value, *map(_harmless, row.cells)])
        if count % _ROWS_AT_ONCE == 0:
            yield _taken(written)
    yield _taken(written)


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULAS) else cell


def _taken(written: io.StringIO) -> bytes:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    # Half of a surrogate pair, which a workbook can say, has no bytes.
    return text.encode("utf-8", "replace")
