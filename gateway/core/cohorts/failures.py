"""Why a load cannot read members: the closed list of codes that its receipt may have."""

from __future__ import annotations

import enum


class Failure(enum.StrEnum):
    """What is wrong with a file of a list, with a query and its database, or with a rule."""

    NOT_A_TABLE = "not_a_table"
    NO_ID_COLUMN = "no_id_column"
    AMBIGUOUS_COLUMN = "ambiguous_column"
    COLUMN_MISSING = "column_missing"
    SHEET_MISSING = "sheet_missing"
    ENCODING = "encoding"
    UNCLOSED_QUOTE = "unclosed_quote"
    TOO_LARGE = "too_large"
    UNREACHABLE = "unreachable"
    FORBIDDEN_ADDRESS = "forbidden_address"
    SIGN_IN_FAILED = "sign_in_failed"
    PERMISSION = "permission"
    TIMED_OUT = "timed_out"
    QUERY_INVALID = "query_invalid"
    NOT_ONE_STATEMENT = "not_one_statement"
    WRITES = "writes"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_MANY_BYTES = "too_many_bytes"
    COHORT_DELETED = "cohort_deleted"
    DRIVER_MISSING = "driver_missing"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - a code
    READER_DIED = "reader_died"
    INTERNAL = "internal"
