"""Edits: members put in and taken out by hand or by a call, as one session of its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of the pages of edits; it is none that another page has.
DIGEST: Final = b"edit"
_PREFIX: Final = "edit-"
# Of what the evaluation of a live rule puts in and takes out.
_LIVE_PREFIX: Final = "live-"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Half:
    """What an edit puts in, or what it takes out.

    `roster` has the usable ones as lines of `member_rows.COLUMNS`, each id once, and `usable`
    counts them; null for `properties` leaves the profile of a member as it is. `skipped` counts
    entries without a usable id, by `member_ids.Skip`.
    """

    roster: bytes = b""
    usable: int = 0
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was sent."""
        return not self.usable and not self.skipped


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edit:
    """Both halves; nothing is in both."""

    add: Half = dataclasses.field(default_factory=Half)
    remove: Half = dataclasses.field(default_factory=Half)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Once:
    """What an edit is remembered by, so that it is made once: its key, and what was sent with it.

    Both are digests (32 bytes); the key is of everything that tells one request from others.
    """

    key: bytes
    digest: bytes


def session_id(number: int) -> str:
    """Name the session of an edit, as changes show it."""
    return f"{_PREFIX}{number}"


def live_session_id(number: int) -> str:
    """Name the session of a look at a live rule, as changes show it."""
    return f"{_LIVE_PREFIX}{number}"
