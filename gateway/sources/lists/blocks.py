"""Blocks: the rows of a file as they come out of it, before anything is made of them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_FIRST_ROWS: Final = 100


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows of cells, with the number of each, which is that of its first line in the file.

    `progress` tells how much of the file has been read, from 0 to 1.
    """

    rows: Sequence[Sequence[str]]
    numbers: Sequence[int]
    progress: float


class Rows(Protocol):
    """What reads the rows of a file, anew each time that it is asked."""

    def blocks(self) -> Iterator[Block]:
        """Read all rows, some at a time; rows and whole blocks may be empty."""


@dataclasses.dataclass(frozen=True)
class BelowFirst:
    """The rows below the first one; their numbers are those of the file."""

    rows: Rows

    def blocks(self) -> Iterator[Block]:
        """Read all rows but the first."""
        is_above = True
        for block in self.rows.blocks():
            dropped = 1 if is_above and block.rows else 0
            is_above = is_above and not dropped
            yield Block(block.rows[dropped:], block.numbers[dropped:], block.progress)


def first_rows(rows: Rows) -> Sequence[Sequence[str]]:
    """Read the first rows that are not empty."""
    every = itertools.chain.from_iterable(block.rows for block in rows.blocks())
    return list(itertools.islice(filter(any, every), _FIRST_ROWS))


def parts(block: Block, most_rows: int) -> Iterator[Block]:
    """Cut a block into blocks of so many rows."""
    for start in range(0, len(block.rows), most_rows):
        end = start + most_rows
        yield Block(block.rows[start:end], block.numbers[start:end], block.progress)


def without_empty(block: Block) -> Block:
    """Leave out the rows that have no cell with something in it."""
    if all(map(any, block.rows)):
        return block
    kept = [place for place, row in enumerate(block.rows) if any(row)]
    return Block(
        rows=[block.rows[place] for place in kept],
        numbers=[block.numbers[place] for place in kept],
        progress=block.progress,
    )
