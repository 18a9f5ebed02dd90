"""Batches: members of a file as they are stored, with the receipt of the rows they are made of."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from gateway.core.cohorts import member_rows
from gateway.sources.lists import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gateway.sources.lists.reading import Read, Rejected

# The receipt's word for ids that begin or end with white space.
OUTER_BLANKS: Final = "outer_blanks"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Some rows of a file, in order; a value of the protocol `load.Members`.

    `roster` has the members as lines of `member_rows.COLUMNS`, each id once: the last row of an id.
    `received` rows were read: `usable`, `duplicate` (of an id that a later row of this batch has),
    or rejected, which `skipped` counts by reason. `sample` has members of the first rows of the
    file, as fields of Member. `progress` tells how much of the file has been read, from 0 to 1.
    """

    roster: bytes
    usable: int
    received: int
    duplicate: int
    skipped: Mapping[str, int]
    rejected: Sequence[Rejected]
    warnings: Mapping[str, int]
    sample: Sequence[Mapping[str, Any]]
    progress: float


def batches(blocks: Iterable[Read], *, rows_per_batch: int) -> Iterator[Batch]:
    """Take blocks together; a batch ends with the block that makes it large enough."""
    sample_rows = limits.SAMPLE_ROWS
    for reads in _together(blocks, rows_per_batch):
        sample = [*itertools.islice(_members(reads), sample_rows)]
        sample_rows -= len(sample)
        yield _batch(reads, sample)


def _together(blocks: Iterable[Read], rows_per_batch: int) -> Iterator[list[Read]]:
    together: list[Read] = []
    rows = characters = 0
    for read in blocks:
        if not (read.ids or read.rejected):
            continue
        together.append(read)
        rows += len(read.ids) + len(read.rejected)
        characters += len(read.text)
        if rows >= rows_per_batch or characters >= limits.BATCH_CHARACTERS:
            yield together
            together, rows, characters = [], 0, 0
    if together:
        yield together


def _batch(reads: Sequence[Read], sample: Sequence[Mapping[str, Any]]) -> Batch:
    ids = list(itertools.chain.from_iterable(read.ids for read in reads))
    rejected = list(itertools.chain.from_iterable(read.rejected for read in reads))
    outer_blanks = sum(read.outer_blanks for read in reads)
    text = "".join([read.text for read in reads])
    usable = len(set(ids))
    if usable < len(ids):
        last = dict(zip(ids, text.split("\n")[:-1], strict=True))
        text = "\n".join([*last.values(), ""])
    return Batch(
        roster=text.encode(),
        usable=usable,
        received=len(ids) + len(rejected),
        duplicate=len(ids) - usable,
        skipped=Counter(row.reason.value for row in rejected),
        rejected=rejected,
        warnings={OUTER_BLANKS: outer_blanks} if outer_blanks else {},
        sample=sample,
        progress=reads[-1].progress,
    )


def _members(reads: Iterable[Read]) -> Iterator[Mapping[str, Any]]:
    """Read members back from their lines, so they are shown as they are stored."""
    for read in reads:
        yield from map(member_rows.shown, read.text.split("\n")[:-1])
