"""Number formats of a workbook: which cells are dates, and how numbers and dates are written."""

from __future__ import annotations

import datetime
import enum
import re
from typing import IO, TYPE_CHECKING, Final

from gateway.sources.lists import ids
from gateway.sources.lists.xlsx import archive, markup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Kind(enum.Enum):
    """What a number stands for."""

    NUMBER = enum.auto()
    DATE = enum.auto()


# ECMA-376 part 1, 18.8.30; 27 to 36 and 50 to 58 are those of East Asian languages. 46 is a time
# that has passed, not one of a day.
_BUILT_IN_DATES: Final = frozenset([*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)])

# What a format shows as it is: quoted and escaped characters, colours, conditions and languages.
_LITERAL: Final = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED: Final = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_DATE: Final = re.compile("[dmyhs]", re.IGNORECASE)

_MAX_FORMATS: Final = 70_000  # Excel has 65,490 at most
_NAMES: Final = markup.known("numFmt", "cellXfs", "xf")

# Excel keeps 15 digits of a number, so one of 16 may have been another.
_LOSSY: Final = 1e15
_MILLISECONDS_A_DAY: Final = 24 * 60 * 60 * 1000
# Serial numbers count from here; those below 61 are a day off, as Excel has a 29 February 1900.
_EPOCH: Final = datetime.datetime(1899, 12, 30, tzinfo=datetime.UTC)
_EPOCH_1904: Final = datetime.datetime(1904, 1, 1, tzinfo=datetime.UTC)
_DAYS_OFF: Final = 61
_END_OF_TIME: Final = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)


def read(part: IO[bytes]) -> Sequence[Kind]:
    """Read what the numbers of each style stand for. Raises errors.ReadFailed."""
    reader = _Reader()
    for _ in markup.stream(part, reader):
        pass
    return [reader.kind(number) for number in reader.styles]


def number(text: str) -> str:
    """Write a number: a whole one with all its digits, another one as short as can be."""
    try:
        value = float(text)
        whole = int(value)
    except (ValueError, OverflowError) as error:
        raise archive.damaged() from error
    if value != whole:
        return repr(value)
    if abs(value) < _LOSSY:
        return str(whole)
    digits = text if text.lstrip("-").isdigit() else str(whole)
    return ids.LossyNumber(digits)


def date(text: str, *, since_1904: bool) -> str:
    """Write a date as RFC 3339 has it, in UTC; without a time if it is midnight.

    A number below 1 is a time only. One that is no date stays a number.
    """
    try:
        milliseconds = round(float(text) * _MILLISECONDS_A_DAY)
    except (ValueError, OverflowError) as error:
        raise archive.damaged() from error
    days, of_day = divmod(milliseconds, _MILLISECONDS_A_DAY)
    epoch, first_days = (_EPOCH_1904, 0) if since_1904 else (_EPOCH, _DAYS_OFF)
    if not 0 <= days <= (_END_OF_TIME - epoch).days:
        return number(text)
    off = datetime.timedelta(days=days < first_days, milliseconds=milliseconds)
    moment = epoch + off
    time = moment.time().isoformat("milliseconds").removesuffix(".000")
    if days == 0:
        return time
    return f"{moment.date()}T{time}Z" if of_day else str(moment.date())


def iso(text: str) -> str:
    """Write a date that is stored as text (ISO 8601) as `date` does. Raises errors.ReadFailed."""
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise archive.damaged() from error
    if moment.time() == datetime.time.min:
        return str(moment.date())
    return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).isoformat().replace("+00:00", "Z")


def is_date(code: str) -> bool:
    """Tell whether the first part of a format code shows a date or a time of day."""
    shown = _LITERAL.sub("", code).partition(";")[0]
    return _ELAPSED.search(shown) is None and _DATE.search(shown) is not None


class _Reader:
    """Takes the format codes (`numFmt`) and the formats of cells (`xf` in `cellXfs`)."""

    def __init__(self) -> None:
        self.styles: list[str] = []
        self._codes: dict[str, bool] = {}
        self._is_of_cells = False

    def kind(self, number_format: str) -> Kind:
        built_in = number_format.isdigit() and int(number_format) in _BUILT_IN_DATES
        return Kind.DATE if self._codes.get(number_format, built_in) else Kind.NUMBER

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        match _NAMES.get(name):
            case "cellXfs":
                self._is_of_cells = True
            case "numFmt":
                code = attributes.get("formatCode", "")
                self._codes[attributes.get("numFmtId", "")] = is_date(code)
            case "xf" if self._is_of_cells:
                self.styles.append(attributes.get("numFmtId", "0"))
        if len(self.styles) + len(self._codes) > _MAX_FORMATS:
            raise archive.too_large("The workbook has too many formats of cells.")

    def end(self, name: str) -> None:
        if _NAMES.get(name) == "cellXfs":
            self._is_of_cells = False

    def text(self, text: str) -> None:
        """Take no text: there is none that matters."""
