"""What adapters answer: how a request fared, as values of a closed set."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


class StopCode(enum.StrEnum):
    """Why a person has to act before a job can go on."""

    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    TERMS = "terms"
    AUDIENCE_DELETED = "audience_deleted"
    AUDIENCE_BLOCKED = "audience_blocked"
    API_VERSION = "api_version"
    CONFIGURATION = "configuration"
    REFUSED = "refused"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Skipped:
    """A member that cannot be sent; `reason` is a short code like `bad_phone`, without data."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audience:
    """What members are put into, by the vendor's id."""

    id: str
    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rejected:
    """The vendor refuses one row: a short code, and the vendor's words."""

    reason: str
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Done:
    """The vendor took the batch. Rows that are named in neither of these are confirmed.

    Both count from 0 in `Batch.rows` as it was given. A removal of what is not there is confirmed.
    A success with a body that proves nothing leaves all rows `unconfirmed`. `receipt` is what the
    vendor says of the request, to be shown with the run.
    """

    rejected: Mapping[int, Rejected] = dataclasses.field(default_factory=dict)
    unconfirmed: frozenset[int] = frozenset()
    receipt: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """The vendor works on it: `Adapter.settle` tells how that went, by this ticket."""

    ticket: str
    after_seconds: float
    receipt: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Later:
    """Nothing, or something unknown, was taken: the same again, not before the vendor's time.

    `for_all` says that the vendor limits the account, so that no other request helps meanwhile.
    """

    message: str
    after_seconds: float | None = None
    for_all: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """The batch is too large, or refused for some of its rows without saying which."""

    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stop:
    """Nothing helps but a person; `message` has the vendor's words."""

    code: StopCode
    message: str


# `Split` of a batch of one row means that the row is rejected.
Answer: TypeAlias = "Done | Accepted | Later | Split | Stop"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """A step of a test of the connection, and what to do if it failed."""

    step: str
    ok: bool
    message: str
