"""Which character separates the cells of a text file, if any does."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from gateway.sources.lists import limits, options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SAMPLE_RECORDS: Final = 100


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
