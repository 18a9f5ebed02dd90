"""Which character separates the cells of a text file, if any does."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import re
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from gateway.sources.lists import limits, options, recognition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SAMPLE_RECORDS: Final = 100

# What Excel takes for a declaration of the delimiter, and what programs that write for Excel begin
# a file with.
_DECLARATION: Final = re.compile(r'("?)sep=([^\r\n])\1(?:\r\n?|\n|\Z)', re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Trial:
    """How the first records look if this is the delimiter: `alike` of them have `columns` cells."""

    delimiter: str
    first: Sequence[str]
    has_name: bool
    columns: int
    alike: int
    is_likely: bool

    @property
    def rank(self) -> tuple[bool, int, int]:
        return self.has_name, self.alike, self.columns


def find(text: str, *, is_whole: bool, is_name: Callable[[str], bool]) -> str | None:
    """Find the delimiter of a text from its beginning; None if there is one column only.

    `is_name` tells whether a cell is the name of a column of ids. The delimiter that gives such a
    column is taken before one that gives more records with the same number of cells.
    """
    trials = [_try(text, one, is_whole=is_whole, is_name=is_name) for one in options.DELIMITERS]
    if all(trial.has_name and len(trial.first) == 1 for trial in trials):
        return None
    likely = [trial for trial in trials if trial.is_likely]
    return max(likely, key=lambda trial: trial.rank).delimiter if likely else None


def declared(text: str) -> tuple[str | None, str]:
    """Return the delimiter that the first line of a text declares, if any, and the text below."""
    found = _DECLARATION.match(text)
    return (None, text) if found is None else (found[2], text[found.end() :])


def of_declaration(
    delimiter: str, text: str, *, is_whole: bool, is_name: Callable[[str], bool]
) -> str | None:
    """Return a declared delimiter; None if the text below it is a list of ids.

    Raises errors.ReadFailed for a character that separates no cells here.
    """
    if delimiter not in options.DELIMITERS:
        raise recognition.not_a_table(
            f"The first line of the file says that {delimiter!r} separates its cells.",
            hint="Separate them by a comma, a semicolon, a tab or a bar.",
        )
    trial = _try(text, delimiter, is_whole=is_whole, is_name=is_name)
    return delimiter if trial.has_name or len(trial.first) > 1 or trial.alike else None


def first_cell(text: str) -> str:
    """Read the first cell of a text that has one column."""
    return next(map(itemgetter(0), _records(text, options.DELIMITERS[0], is_whole=True)), "")


def _try(text: str, delimiter: str, *, is_whole: bool, is_name: Callable[[str], bool]) -> _Trial:
    records = _records(text, delimiter, is_whole=is_whole)
    first = records[0] if records else []
    counts = Counter(map(len, records))
    counts.pop(1, None)
    columns, alike = max(counts.items(), key=lambda item: item[::-1], default=(1, 0))
    return _Trial(
        delimiter=delimiter,
        first=first,
        has_name=any(map(is_name, first)),
        columns=columns,
        alike=alike,
        is_likely=len(first) > 1 or 2 * alike > len(records),
    )


def _records(text: str, delimiter: str, *, is_whole: bool) -> Sequence[list[str]]:
    """Read the first records that are not empty; of a part of a text the last may be cut off."""
    csv.field_size_limit(limits.MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    found = list(itertools.islice(filter(any, reader), _SAMPLE_RECORDS + 1))
    return found[:-1] if len(found) > 1 and not is_whole else found[:_SAMPLE_RECORDS]
