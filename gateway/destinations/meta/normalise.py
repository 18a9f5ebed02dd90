"""Members' values in the form that Meta hashes: its customer file rules, key by key.

The rules are those of Meta's guide to custom audiences. They differ from Google's: dots of gmail
addresses stay, and a phone number has no plus sign.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from gateway.destinations.meta import states
from gateway.destinations.normalise import phones

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")
_DATE: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ].*)?", re.ASCII | re.DOTALL)
_YEAR: Final = re.compile(r"(?:18|19|20)\d\d", re.ASCII)
_SMALL: Final = re.compile(r"\d\d?", re.ASCII)
_US_ZIP: Final = re.compile(r"\d{5}-?\d{4}", re.ASCII)
_COUNTRY: Final = re.compile(r"[a-z]{2}")
_NOT_SET: Final = re.compile(r"[0-]*")
_GENDERS: Final = {"m": "m", "male": "m", "f": "f", "female": "f"}


def email(text: str) -> str:
    """Trim and lower: nothing else, not even for gmail."""
    found = text.strip().lower()
    return found if _ADDRESS.fullmatch(found) else ""


def phone(text: str, region: str | None) -> str:
    """Keep the digits, with the country code and without leading zeros."""
    return phones.digits(text, region)


def name(text: str) -> str:
    """Lower, without punctuation; accents and letters of any script stay."""
    return _without(_lower(text), "P").strip()


def initial(text: str) -> str:
    """Take the first letter of a first name."""
    return name(text)[:1]


def gender(text: str) -> str:
    return _GENDERS.get(text.strip().lower(), "")


def birth_year(text: str) -> str:
    found = _part(text, 1)
    return found if _YEAR.fullmatch(found) else ""


def birth_month(text: str) -> str:
    return _two_digits(_part(text, 2), 12)


def birth_day(text: str) -> str:
    return _two_digits(_part(text, 3), 31)


def city(text: str) -> str:
    """Lower, and letters only."""
    return _without(_lower(text), "PSNZC")


def state(text: str, country: str) -> str:
    """Take the two letters of a state of the US, the whole name anywhere else.

    Names are only taken for states of the US where the country is that, or is not known.
    """
    found = _without(_lower(text), "PSZC")
    if country in ("us", ""):
        code = states.CODES.get(found, "")
        return code if code or country else found
    return found


def postal_code(text: str, country: str) -> str:
    """Lower, without blanks and dashes; of the US five digits."""
    plain = "".join(text.lower().split())
    if country == "us" or (not country and _US_ZIP.fullmatch(plain)):
        found = plain.partition("-")[0][:5]
        return found if found.isascii() and found.isdecimal() and len(found) == 5 else ""  # noqa: PLR2004 - digits of a ZIP code
    return _without(plain, "PSZC")


def country(text: str) -> str:
    """Take two letters of ISO 3166, and nothing else."""
    found = text.strip().lower()
    return found if _COUNTRY.fullmatch(found) else ""


def advertiser_id(text: str) -> str:
    """Lower, with dashes. All zeros stand for none, where tracking is limited."""
    found = text.strip().lower()
    return "" if _NOT_SET.fullmatch(found) else found


# What needs nothing but the text itself.
PLAIN: Final[Mapping[str, Callable[[str], str]]] = {
    "EMAIL": email,
    "FN": name,
    "LN": name,
    "FI": initial,
    "GEN": gender,
    "DOBY": birth_year,
    "DOBM": birth_month,
    "DOBD": birth_day,
    "CT": city,
    "COUNTRY": country,
    "MADID": advertiser_id,
    "EXTERN_ID": str.strip,
}


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).lower()


def _without(text: str, categories: str) -> str:
    """Remove the characters of some categories of Unicode: P is punctuation, Z blanks, N digits."""
    return "".join(one for one in text if unicodedata.category(one)[0] not in categories)


def _part(text: str, number: int) -> str:
    """Take a part of a date, or the text itself if it is no date."""
    date = _DATE.fullmatch(text.strip())
    return date[number] if date else text.strip()


def _two_digits(text: str, most: int) -> str:
    return text.zfill(2) if _SMALL.fullmatch(text) and 1 <= int(text) <= most else ""
