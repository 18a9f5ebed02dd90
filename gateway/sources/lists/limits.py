"""How much of a file is held in memory at once, and how large its parts may be."""

from __future__ import annotations

from typing import Final

from gateway import errors
from gateway.core.cohorts.failures import Failure

MEBIBYTE: Final = 1024 * 1024

# Interface 6, "Formats".
MAX_RECORD_BYTES: Final = MEBIBYTE
MAX_CELLS: Final = 1000

# The csv module refuses longer cells, by a number that all of the process shares. Ours is so large
# that the limits of a record are reached first: they tell the row, and what to do.
MAX_CELL: Final = 8 * MAX_RECORD_BYTES

# A file is read in chunks of this size. One makes a block of some hundred rows, which fit into the
# caches of a processor: with blocks ten times as large, reading is half as quick. A record of
# MAX_RECORD_BYTES has at least a fourth of that many characters, which is several chunks, so
# `delimited` looks for it where a chunk ends no record.
CHUNK_BYTES: Final = 32 * 1024

# The beginning of a file, by which its format and its delimiter are found.
START_BYTES: Final = 64 * 1024

# A block of rows of a workbook ends with the row that makes it this long.
BLOCK_CHARACTERS: Final = 64 * 1024
BLOCK_ROWS: Final = 500

# A batch ends with the block that makes it this large.
ROWS_PER_BATCH: Final = 5000
BATCH_CHARACTERS: Final = 2 * MEBIBYTE
# The properties of every row repeat the names of columns, so long names make batches shorter.
MAX_NAME_CHARACTERS: Final = 1000
NAMES_CHARACTERS_PER_BLOCK: Final = MEBIBYTE
SAMPLE_ROWS: Final = 20


def record_too_large(row: int) -> errors.ReadFailed:
    return errors.ReadFailed(
        Failure.TOO_LARGE,
        f"The record that begins in row {row} has more than 1 MiB.",
        hint="Check the quotes around it, or leave out the column with the long texts.",
    )


def too_many_columns() -> errors.ReadFailed:
    return errors.ReadFailed(
        Failure.TOO_LARGE,
        f"The file has more than {MAX_CELLS} columns.",
        hint="Keep the id and the columns that are needed, and leave out the others.",
    )


def name_too_long() -> errors.ReadFailed:
    return errors.ReadFailed(
        Failure.TOO_LARGE,
        f"The name of a column has more than {MAX_NAME_CHARACTERS} characters.",
        hint="Give the column a short name, or check the quotes in the first line.",
    )
