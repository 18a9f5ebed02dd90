"""What a vendor's adapter is asked, and what it answers; the ledger is kept outside of it.

An adapter turns members into what its vendor takes, and requests into answers. It keeps no state
about members: which of them stand at the destination, what is sent next, retries, pauses and the
booking of each answer are the sender's (`flows/syncs`). Vendors' errors are answers; the only
exceptions that leave an adapter are `errors.Outbound`, which the client raises.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from gateway.destinations.answers import Done, Stop, StopCode

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway import outbound
    from gateway.destinations.answers import Answer, Audience, Check, Later, Skipped

# By the names of identifiers: JSON values, of what is hashed the digits. Part of the ledger.
Sent: TypeAlias = "Mapping[str, object]"

_NEVER: Final = Stop(code=StopCode.CONFIGURATION, message="this kind of destination cannot do that")


class Client(Protocol):
    """What sends requests; `outbound.Client` is one."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> outbound.Answer:
        """Send a request and read its whole answer. Raises errors.Outbound."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """What an adapter is made of: a config with its defaults, the secrets that are set."""

    config: Mapping[str, object]
    secrets: Mapping[str, str] = dataclasses.field(repr=False)
    client: Client
    now: Callable[[], datetime.datetime]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cohort:
    """The cohort as a vendor may be told of it; `id` is ours and stays."""

    id: str
    name: str
    description: str | None
    created_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """What a job sends: to which audience, which identifiers, by which options of its own.

    `audience` is the id that `find` or `create` gave; empty before. `identifiers` are the mapped
    names, in order.
    """

    cohort: Cohort
    identifiers: tuple[str, ...]
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)
    consent: Mapping[str, object] | None = None
    audience: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A member in a request, with the identifiers as they are or were sent.

    `key` is the same text whenever this is sent for this job, for vendors that drop repetitions.
    """

    member_id: str
    key: str
    sent: Sent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of one request, at most `Limits.members`.

    `session` is a number below 2**63 that is the same for all batches of a replacement and unique
    to it, and unique to the batch otherwise. `number` counts from 1 up to `total`; what is no
    replacement stands alone as 1 of 1. `members` is how many rows all of them have.
    """

    rows: Sequence[Row]
    session: int
    number: int = 1
    total: int = 1
    members: int

    @property
    def is_last(self) -> bool:
        """Whether a session ends with this batch."""
        return self.number == self.total


class Adapter(Protocol):
    """A destination that is kept by a ledger. Several threads may use one at once.

    An adapter that derives from this has to define what has no answer here.
    """

    def verify(self) -> Iterator[Check]:
        """Prove the credentials step by step, and change nothing there; errors.Outbound passes."""

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Sent | Skipped:
        """Normalise and hash what a member has, by the names of identifiers; sends nothing.

        `raw` has JSON values as they are kept, and none for what the member lacks. What cannot be
        normalised is left out of the outcome, or the member is skipped.
        """

    def find(self, target: Target) -> Audience | Later | Stop | None:
        """Find the audience by the name it would be created under; None if there is none.

        A vendor without audiences answers with one that the cohort's id names.
        """

    def create(self, target: Target) -> Audience | Later | Stop:
        """Create the audience. Called after `find` found none, and again if the answer was lost."""

    def add(self, target: Target, batch: Batch) -> Answer:
        """Put rows into the audience; also rows that are in it, after a lost answer."""

    def remove(self, target: Target, batch: Batch) -> Answer:
        """Take rows out, by the identifiers in them, whatever is mapped by now."""

    def replace(self, target: Target, batch: Batch) -> Answer:
        """Send a part of all that the audience is to have; only if `Facts.replaces` says so.

        Batches come one after the other, each settled before the next. One without rows is 1 of 1,
        and empties the audience.
        """
        return _NEVER

    def finish(self, target: Target, session: int, began_at: datetime.datetime) -> Answer:
        """End a replacement that began then; `Done` where the last batch has ended it already."""
        return Done()

    def refresh(self, target: Target, batch: Batch) -> Answer:
        """Prolong the membership of rows; only if `Facts.refresh_days` says so."""
        return _NEVER

    def settle(self, target: Target, ticket: str) -> Answer:
        """Ask how a batch that was accepted fared."""
        return _NEVER


class Change(enum.StrEnum):
    """What became of a member."""

    ENTERED = "entered"
    EXITED = "exited"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A change of a cohort; `first` marks the members a job began with, all of one `seq`.

    `turn` is set of a member that was suppressed, or is so no more: it tells such messages of one
    `seq` apart.

    `member` has the id, and what is mapped of a member that is one still; None after an erasure.
    """

    change: Change
    seq: int
    member_id: str | None
    member: Mapping[str, object] | None
    at: datetime.datetime
    first: bool = False
    turn: int | None = None


class Feed(Protocol):
    """A destination that follows the changes of cohorts. Several threads may use one at once."""

    def verify(self) -> Iterator[Check]:
        """Prove what can be proved, and change nothing there; errors.Outbound passes."""

    def deliver(self, target: Target, messages: Sequence[Message]) -> Answer:
        """Send messages in order, at most `Limits.members`, in one request that can be repeated."""
