"""Which texts can be stored, how others are made storable, and how long ids are shown."""

from __future__ import annotations

import hashlib
import re

# Ids of projects and sessions may be longer; a longer one is told by its digest.
MAX_WHOLE_ID_BYTES = 255
_ID_START_BYTES = 200
_DIGEST_DIGITS = 64
_ID_DIGITS = 16
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Postgres' text holds neither NUL nor half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def is_storable(value: str) -> bool:
    """Tell whether a text has neither NUL nor a lone surrogate."""
    return _UNSTORABLE.search(value) is None


def has_half_a_pair(value: str) -> bool:
    """Tell whether a text has a lone surrogate, which no UTF-8 can say."""
    return _HALF_A_PAIR.search(value) is not None


def storable(value: str) -> str:
    """Replace each NUL and lone surrogate, as the profile rule of the interface asks."""
    return value if is_storable(value) else _UNSTORABLE.sub(REPLACEMENT, value)


def shown_id(value: str) -> str:
    """Shorten a long id for people: its first 200 bytes, and 16 hex digits of its SHA-256."""
    return id_of_kept(kept_id(value))


def kept_id(value: str) -> str:
    """Return what is kept of an id to compare it by: a long one's beginning, and its SHA-256.

    The result is as long as only long ids are, so it never equals one that is kept whole.
    """
    if len(value) <= MAX_WHOLE_ID_BYTES // 4 or len(raw := value.encode()) <= MAX_WHOLE_ID_BYTES:
        return value
    start = raw[:_ID_START_BYTES].decode(errors="ignore")
    return f"{start}\N{HORIZONTAL ELLIPSIS}{hashlib.sha256(raw).hexdigest()}"


def id_of_kept(kept: str) -> str:
    """Return what is shown of an id that was kept so."""
    is_whole = len(kept.encode()) <= MAX_WHOLE_ID_BYTES
    return kept if is_whole else kept[: _ID_DIGITS - _DIGEST_DIGITS]


def cut(value: str, max_characters: int) -> str:
    """Make a text storable and no longer than `max_characters`."""
    return storable(value[:max_characters])


def is_plain(value: str, *, but: str = "\\") -> bool:
    """Tell at a glance that a text needs no escape of any kind; False decides nothing.

    Nothing in it is a control character, half a surrogate pair, a backslash, or in `but`.
    """
    return value.isprintable() and "\\" not in value and but not in value
