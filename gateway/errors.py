"""The one tree of errors this project raises on purpose.

GatewayError
├── BadSettings        settings that cannot be used, all of them named at once
├── LocalServerFailed  an embedded server did not start, or its data folder is taken
├── CommandFailed      a command line call that cannot be carried out as asked
├── Refused            the request is at fault; a person must change it
│   ├── Malformed          400  not the documented shape
│   │   └── TooLarge       413  more bytes than are read
│   ├── Unauthenticated    401  no valid credentials
│   ├── Forbidden          403  valid, but not allowed to
│   ├── NotFound           404  no such thing, or no longer
│   ├── MethodNotAllowed   405  another method is
│   ├── Conflict           409  the thing is in another state
│   │   ├── Exists              there is one of that name
│   │   ├── InUse               other things depend on it
│   │   └── NoSecretKey         secrets cannot be encrypted
│   ├── Ahead              409  newer than anything that there is
│   ├── Gone               410  older than what is kept
│   └── Invalid            422  the right form, with values that cannot be accepted
│       ├── SecretsNeeded       secrets would travel to another place than they were given for
│       └── KeyReused           another request came with this key
├── RateLimited        429  too much at once; later is fine
├── Unavailable        503  our trouble, or unknown; later is fine
│   └── DatabaseInternalError 503  Postgres is at odds with itself; this may pass or not
├── LeaseLost          another process has taken this work over
├── SecretUnreadable   encrypted under a key that is not there any more
├── ReadFailed         a load cannot read members from what it was given
├── Outbound           a request that we send has no answer that can be used
│   ├── Unreachable        no such name, or no connection, or it broke off
│   ├── OutboundTimeout    one of its phases, or all of it, took too long
│   ├── BadAnswer          the answer is no HTTP, or is cut off
│   ├── AnswerTooLarge     the body has more bytes than we read
│   ├── BadCertificate     TLS does not show that it is the host of that name
│   ├── ForbiddenAddress   the name leads into a network that is not allowed
│   └── BadAddress         it is no URL
├── Poison             a page that Postgres refuses whenever it is asked
│   └── Deadly             a page at which worker after worker was lost
└── InternalError      a bug: neither the request nor the surroundings explain it
    └── Denied         our role in Postgres lacks a right; granting it helps

Every error has a stable `code`. No decision depends on a message.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class GatewayError(Exception):
    """Anything this project raises on purpose; its text is a sentence for a person."""

    code: str = "gateway_error"


class BadSettings(GatewayError):
    """Settings that cannot be used: one line for each, with its name and what is accepted."""

    code = "bad_settings"


class LocalServerFailed(GatewayError):
    """An embedded server did not start, or another process holds its data folder."""

    code = "embedded_failed"


class CommandFailed(GatewayError):
    """A command line call that cannot be carried out; the text says what to do instead."""

    code = "command_failed"


class Refused(GatewayError):
    """The request is at fault and sending it again cannot help."""

    code = "refused"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, code: str | None = None, **facts: object) -> None:
        """Refuse a request; a `code` says more than that of the class, `facts` are told as well."""
        super().__init__(message)
        self.facts = facts
        if code is not None:
            self.code = code


class Malformed(Refused):
    """The request is not of the documented shape; the text names the field and the fix."""

    code = "malformed"


class TooLarge(Malformed):
    """The body has more bytes than its address takes."""

    code = "too_large"
    status = 413


class Unauthenticated(Refused):
    """Credentials were looked up and are wrong, or none were sent."""

    code = "unauthenticated"
    status = 401


class Forbidden(Refused):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class NotFound(Refused):
    """The thing asked for does not exist, or was deleted."""

    code = "not_found"
    status = 404


class MethodNotAllowed(Refused):
    """The path exists and answers other methods; `allowed` lists them."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class Conflict(Refused):
    """The thing is not in the state that this request needs."""

    code = "conflict"
    status = 409


class Exists(Conflict):
    """There is a thing of that name."""

    code = "exists"


class InUse(Conflict):
    """Cohorts depend on the thing; `cohorts` has the ids of some of them."""

    code = "in_use"

    def __init__(self, message: str, *, cohorts: Sequence[str]) -> None:
        super().__init__(message)
        self.cohorts = tuple(cohorts)


class NoSecretKey(Conflict):
    """Secrets are kept encrypted only, and there is no key to do so."""

    code = "no_secret_key"


class Ahead(Refused):
    """A position is beyond the newest change of the database's `epoch`; of a cohort, `last_seq`."""

    code = "ahead"
    status = 409

    def __init__(self, message: str, *, epoch: str, last_seq: int | None = None) -> None:
        super().__init__(message)
        self.last_seq = last_seq
        self.epoch = epoch


class Gone(Refused):
    """What is asked for was kept once and was pruned; of a cohort, `oldest_seq` is the oldest."""

    code = "gone"
    status = 410

    def __init__(self, message: str, *, oldest_seq: int | None = None) -> None:
        super().__init__(message)
        self.oldest_seq = oldest_seq


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that is wrong with what was sent: where, and what to send instead."""

    path: str
    message: str


class Invalid(Refused):
    """What was sent has the right form and cannot be accepted; `faults` tells all that is wrong."""

    code = "invalid"
    status = 422

    def __init__(self, faults: Sequence[Fault]) -> None:
        first, more = faults[0], len(faults) - 1
        and_more = f" (and {more} more)" if more else ""
        super().__init__(f"{first.path}: {first.message}{and_more}")
        self.faults = tuple(faults)


class SecretsNeeded(Invalid):
    """A change would send secrets elsewhere, so they must come with it."""

    code = "secrets_needed"


class KeyReused(Invalid):
    """A key that makes a request be done once came with another request."""

    code = "key_reused"


class RateLimited(GatewayError):
    """Too much at once; the sender should come back after `retry_after_seconds`."""

    code = "throttled"
    status: ClassVar[int] = 429

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(GatewayError):
    """Our trouble, or unknown: nothing was stored and sending again can help."""

    code = "unavailable"
    status: ClassVar[int] = 503

    def __init__(self, message: str, *, retry_after_seconds: int = 5) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class DatabaseInternalError(Unavailable):
    """Postgres had an internal error (XX000): it may pass, or be there for as long as the data is.

    Senders may retry as for any 503; the applier retries a bounded number of times.
    """

    code = "internal_fault"


class LeaseLost(GatewayError):
    """Another process has taken this work over; what this one has not committed is not written."""

    code = "lease_lost"


class SecretUnreadable(GatewayError):
    """No key that is set can decrypt a secret, or it was damaged."""

    code = "secret_unreadable"


class ReadFailed(GatewayError):
    """A load cannot read members; `failure` is of a closed list, `hint` says what to do."""

    code = "read_failed"

    def __init__(self, failure: str, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.hint = hint


class Outbound(GatewayError):
    """A request that was sent has no answer that can be used; the text names no content of it."""

    code = "outbound"


class Unreachable(Outbound):
    """No connection was made, or it broke off."""

    code = "unreachable"


class OutboundTimeout(Outbound):
    """A phase of the request, or all of it, took longer than it may."""

    code = "timed_out"


class BadAnswer(Outbound):
    """What came back is no HTTP, or ends before its end."""

    code = "bad_answer"


class AnswerTooLarge(Outbound):
    """The body of an answer has more bytes than are read."""

    code = "answer_too_large"


class BadCertificate(Outbound):
    """The certificate is not valid for the name, or no authority that counts has signed it."""

    code = "bad_certificate"


class ForbiddenAddress(Outbound):
    """A name has an address in a network that requests may not go to."""

    code = "forbidden_address"


class BadAddress(Outbound):
    """It is no URL of http or https."""

    code = "bad_address"


class Poison(GatewayError):
    """Postgres refuses this data whenever it is asked; `sqlstate` says why."""

    code = "poison"

    def __init__(self, message: str, *, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Deadly(Poison):
    """A page that cost worker after worker when it was applied: no memory, or a crash."""

    code = "worker_lost"

    def __init__(self, message: str) -> None:
        super().__init__(message, sqlstate="")


class InternalError(GatewayError):
    """A bug: neither the request nor the surroundings explain what happened."""

    code = "broken"


class Denied(InternalError):
    """Our role in Postgres lacks a right."""
