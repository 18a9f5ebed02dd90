"""Why a load cannot read members: the closed list of codes that its receipt may have."""

from __future__ import annotations

import enum


class Failure(enum.StrEnum):
    """What is wrong with a file that was given as a list."""

    NOT_A_TABLE = "not_a_table"
    NO_ID_COLUMN = "no_id_column"
    AMBIGUOUS_COLUMN = "ambiguous_column"
    COLUMN_MISSING = "column_missing"
    SHEET_MISSING = "sheet_missing"
    ENCODING = "encoding"
    UNCLOSED_QUOTE = "unclosed_quote"
    TOO_LARGE = "too_large"
