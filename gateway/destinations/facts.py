"""What is to be known of a destination before something is sent."""

from __future__ import annotations

import dataclasses
import enum

from gateway.core.syncs import job

Mode = job.Mode


class Status(enum.StrEnum):
    """How far a vendor's protocol is known."""

    TRIED = "tried"
    DOCUMENTED = "documented"
    UNVERIFIED = "unverified"
    DEPRECATED = "deprecated"


class Way(enum.Enum):
    """How a destination follows a cohort."""

    # By a ledger of what stands there: `Adapter`.
    LEDGER = enum.auto()
    # By the cohort's changes, each once and in order: `Feed`.
    CHANGES = enum.auto()


class Replaces(enum.Enum):
    """When everything at the destination gives way to the cohort, also what others put there."""

    NEVER = enum.auto()
    # A run by `resync`.
    RESYNC = enum.auto()
    # The first run, and one by `resync`.
    FIRST = enum.auto()
    # Every run with a difference: there are no single additions and removals.
    ALWAYS = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identifier:
    """What a destination may be told of a member, under the name that a mapping uses.

    `description` says how it is normalised, `hashed` by what it is hashed; empty for as it is.
    """

    name: str
    title: str
    description: str = ""
    hashed: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What a destination takes: the sender cuts batches and waits accordingly.

    `requests` at most in `per_seconds`, for all jobs of the destination together; None is any
    number. `concurrency` bounds `config.concurrency`.
    """

    members: int
    requests: int | None = None
    per_seconds: float = 1.0
    concurrency: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What is to be known of a kind, or of a destination, before something is sent.

    `matching` has the sets of identifiers that each suffice to find a person. A mapping must have
    one of them, and a member with no value for all of any of them is skipped. What is removed is
    judged by these sets as well: one that another member that stays has too is left out.
    `others` says that further names may be mapped, such as fields of a profile.
    `effects` are shown before a job is saved, like "creates users".
    Membership that ends by itself after `refresh_days` is sent anew before.
    """

    identifiers: tuple[Identifier, ...]
    matching: tuple[frozenset[str], ...]
    limits: Limits
    others: bool = False
    modes: tuple[Mode, ...] = (Mode.MIRROR, Mode.ADD_ONLY)
    effects: tuple[str, ...] = ()
    status: Status = Status.DOCUMENTED
    way: Way = Way.LEDGER
    replaces: Replaces = Replaces.NEVER
    refresh_days: int | None = None
