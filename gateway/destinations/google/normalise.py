"""Members' values in the form that Google hashes: the Data Manager API's rules of formatting.

They differ from Meta's: dots of gmail addresses go, and a phone number keeps its plus sign.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.destinations.normalise import phones

_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_PREFIX: Final = re.compile(r"^(?:mrs|mr|ms|miss|dr)(?:\.\s*|\s+)(?=\S)")
_SUFFIX: Final = re.compile(r"(?<=\S)(?:,\s*|\s+)(?:jr|sr|ii|iii|iv|2nd|3rd)\.?$")
_REGION: Final = re.compile(r"[A-Z]{2}")
_NOT_SET: Final = re.compile(r"[0-]*")


def email(text: str) -> str:
    """Lower, without any blanks; of Gmail without dots before the @."""
    found = "".join(text.lower().split())
    if not _ADDRESS.fullmatch(found):
        return ""
    local, _, domain = found.partition("@")
    if domain in _GMAIL:
        local = local.replace(".", "")
    return f"{local}@{domain}" if local else ""


def phone(text: str, region: str | None) -> str:
    """Write E.164: a plus sign, the country code, the number."""
    found = phones.digits(text, region)
    return f"+{found}" if found else ""


def given_name(text: str) -> str:
    """Lower, without a prefix such as Mrs."""
    return _PREFIX.sub("", text.strip().lower())


def family_name(text: str) -> str:
    """Lower, without a suffix such as Jr."""
    return _SUFFIX.sub("", text.strip().lower())


def region_code(text: str) -> str:
    """Take two letters of ISO 3166, which are not hashed."""
    found = text.strip().upper()
    return found if _REGION.fullmatch(found) else ""


def postal_code(text: str) -> str:
    return text.strip()


def mobile_id(text: str) -> str:
    """Take the id of a device, which is not hashed; all zeros is none."""
    found = text.strip()
    return "" if _NOT_SET.fullmatch(found) else found
