"""Phone numbers in the form of E.164, which is what destinations compare."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers

# E.164 allows 15 digits with the country code; the shortest numbers in use have 7.
_LENGTHS: Final = range(7, 16)
_DIGITS: Final = re.compile(r"[^0-9]")
# What people write beside digits. Other texts ("call me", "n/a") are no numbers.
_WRITTEN: Final = re.compile(r"[+(]?[0-9][0-9 ()./\u00a0\u2010-\u2015-]*")
_EXTENSION: Final = re.compile(r"\s*(?:;ext=|ext\.?|x|#)\s*[0-9]{1,7}\s*$", re.IGNORECASE)

REGIONS: Final = frozenset(phonenumbers.SUPPORTED_REGIONS)


def digits(text: str, region: str | None) -> str:
    """Return country code and number as digits, or an empty text if it is no number.

    Without a region, a text is taken to begin with its country code: that cannot be checked.
    """
    plain = _EXTENSION.sub("", text.strip()).removeprefix("tel:")
    if not _WRITTEN.fullmatch(plain):
        return ""
    only = _DIGITS.sub("", plain)
    if region is None or plain.startswith("+"):
        found = _international(plain, only)
    else:
        found = _parsed(plain, region)
        if not found and only.startswith("00"):
            # The prefix of most countries for calls abroad, also where the region has another.
            found = _parsed(f"+{only[2:]}", None)
    return found if len(found) in _LENGTHS else ""


def _international(plain: str, only: str) -> str:
    """Drop leading zeros; of `+44 (0) 20 …` also the zero that is dialled inside the country."""
    return (plain.startswith("+") and _parsed(plain, None)) or only.lstrip("0")


def _parsed(text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written.removeprefix("+")
