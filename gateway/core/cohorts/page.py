"""A page of a cohort sync, parsed and normalised: what every source produces."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping


class Action(enum.StrEnum):
    """What a page asks for, in Mixpanel's words."""

    REPLACE = "members"
    ADD = "add_members"
    REMOVE = "remove_members"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceRef:
    """A source that was let in: its id, and its name for logs and metrics."""

    id: int
    slug: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CohortRef:
    """A cohort that exists, and whether an operator has deleted it."""

    id: int
    deleted: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heading:
    """A page but for its members: its cohort, and which page of its session it is.

    `number` and `total` are page numbers from 1, though a diff may carry odd ones. `digest` (32
    bytes) is equal for equal lists of JSON values, and `received` counts all their entries. A
    `session_id` of None makes the page a session of its own.
    """

    project_id: str
    external_id: str
    name: str | None
    description: str | None
    session_id: str | None
    action: Action
    number: int
    total: int
    digest: bytes
    received: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page(Heading):
    """One page as sent, with its members.

    `roster` is the usable members in `roster.COLUMNS`, each id once. `usable` counts the lines of
    the roster and `skipped` the entries without a usable id, by `member_ids.Skip`.
    """

    roster: bytes
    usable: int
    skipped: Mapping[str, int]

    def heading(self) -> Heading:
        """Return the page: it is a `Submission` that has been read already."""
        return self

    def page(self) -> Page:
        return self


class Submission(Protocol):
    """What a source hands over: a page, read as far as it is needed.

    Reading `heading()` is cheap, and enough for a page that is stored already. Both raise
    errors.Malformed for what is no page of this source; the same object comes back each time.
    """

    def heading(self) -> Heading:
        """Read which page it is, without a look at its members."""

    def page(self) -> Page:
        """Read the whole page."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arrival:
    """How a page came: when, with which request, and in which trace, if any."""

    at: datetime.datetime
    request_id: str
    traceparent: str | None = None


def session_key(source_id: int, project_id: str, session_id: str) -> bytes:
    """Digest a session's identity within its source and project (32 bytes)."""
    project, session = project_id.encode(), session_id.encode()
    return hashlib.sha256(b"%d:%d:" % (source_id, len(project)) + project + session).digest()


def cohort_key(project_id: str, external_id: str) -> bytes:
    """Digest the identity of a cohort within its source (32 bytes); ids may have any length."""
    project, external = project_id.encode(), external_id.encode()
    return hashlib.sha256(b"%d:" % len(project) + project + external).digest()
