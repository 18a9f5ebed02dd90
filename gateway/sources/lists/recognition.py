"""What format a file has, told by its content; its name and Content-Type do not matter."""

from __future__ import annotations

import re
from typing import Final

from gateway import errors
from gateway.core.cohorts.failures import Failure

ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"

# How files begin that are no tables, what they are, and what to do.
_FOREIGN: Final = (
    (
        b"\xd0\xcf\x11\xe0",
        "an Excel file of the old kind (.xls), or has a password",
        "Save it as .xlsx without a password, or as CSV.",
    ),
    (_EMPTY_ZIP, "an empty archive", "Send the file itself."),
    (b"\x1f\x8b", "compressed with gzip", "Send it uncompressed."),
    (b"BZh", "compressed with bzip2", "Send it uncompressed."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Send it uncompressed."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Send the file that is in it."),
    (b"\xff\xfe\x00\x00", "text in UTF-32", "Save it as UTF-8."),
    (b"\x00\x00\xfe\xff", "text in UTF-32", "Save it as UTF-8."),
    (b"%PDF-", "a PDF", "Send the table that it was made from, as CSV or XLSX."),
    (b"{\\rtf", "a document (RTF)", "Send a table: CSV or XLSX."),
    (b"PAR1", "a Parquet file", "Export it as CSV."),
    (b"\x89PNG", "a picture", "Send a table: CSV, XLSX, NDJSON, or one id a line."),
    (b"\xff\xd8\xff", "a picture", "Send a table: CSV, XLSX, NDJSON, or one id a line."),
)

_MARKUP: Final = re.compile(r"\s*<(?:!doctype|html|\?xml|table|head|body|!--)\b", re.IGNORECASE)
_JSON_ARRAY: Final = re.compile(r'\s*\[\s*(?:[{\["]|\]\s*\Z)')
_JSON_OBJECT: Final = re.compile(r'\s*\{\s*["}]')
_BRACE_ALONE: Final = re.compile(r"\s*\{[ \t]*[\r\n]")

# What texts have no use for. A few of them are in texts by mistake, many make it something else.
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_FEW: Final = 4
_TOO_MANY: Final = 0.25
_TOO_MANY_UNLESS_UTF_8: Final = 0.05


def refuse_foreign(start: bytes) -> None:
    """Raise errors.ReadFailed if the first bytes are those of a format that is no table."""
    for magic, what, hint in _FOREIGN:
        if start.startswith(magic):
            raise not_a_table(f"The file is {what}.", hint=hint)


def refuse_binary(start: bytes) -> None:
    """Raise errors.ReadFailed if the first bytes, which have no BOM, are no text."""
    found = len(_CONTROLS.findall(start.decode("latin-1")))
    share = _TOO_MANY if _begins_as_utf_8(start) else _TOO_MANY_UNLESS_UTF_8
    if found > max(_FEW, share * len(start)):
        raise not_a_table(
            "The file is no text: it is full of control characters.",
            hint="Send CSV, XLSX, NDJSON, or one id a line. If it is UTF-16, name its encoding.",
        )


def is_ndjson(start: str) -> bool:
    """Tell whether a text is lines of JSON. Raises errors.ReadFailed for other JSON, and HTML."""
    if _MARKUP.match(start):
        raise not_a_table(
            "The file is HTML or XML.", hint="Open it, and save the table as CSV or XLSX."
        )
    if _JSON_ARRAY.match(start) or _BRACE_ALONE.match(start):
        raise other_json()
    return _JSON_OBJECT.match(start) is not None


def not_a_table(message: str, *, hint: str) -> errors.ReadFailed:
    return errors.ReadFailed(Failure.NOT_A_TABLE, message, hint=hint)


def other_json() -> errors.ReadFailed:
    return not_a_table(
        "The file is JSON, but not one object a line.",
        hint="Write each member as an object on a line of its own (NDJSON).",
    )


def _begins_as_utf_8(start: bytes) -> bool:
    try:
        start.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut off.
        return error.reason == "unexpected end of data"
    return True
