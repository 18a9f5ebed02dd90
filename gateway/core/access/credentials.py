"""Which names and passwords HTTP Basic authentication can carry, and which slugs a URL takes."""

from __future__ import annotations

import re
from typing import Final

_SLUG: Final = re.compile(r"[a-z0-9_-]{1,64}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MAX_CHARACTERS: Final = 255


def is_slug(text: str) -> bool:
    """Tell whether a text can name a source: 1 to 64 of a-z, 0-9, - and _."""
    return _SLUG.fullmatch(text) is not None


def is_username(text: str) -> bool:
    """Tell whether a text can be a user name: RFC 7617 ends it at the first colon."""
    return is_password(text) and ":" not in text


def is_password(text: str) -> bool:
    """Tell whether a text can be a password: one line of 1 to 255 characters, none a control."""
    return 0 < len(text) <= _MAX_CHARACTERS and _CONTROL.search(text) is None
