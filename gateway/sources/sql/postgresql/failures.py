"""What PostgreSQL refuses, by SQLSTATE, as failures of a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import texts
from gateway.core.cohorts.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import psycopg2

MAX_MESSAGE_CHARACTERS: Final = 500

# https://www.postgresql.org/docs/current/errcodes-appendix.html: whole codes first, then classes.
_BY_STATE: Final[Mapping[str, Failure]] = {
    "57014": Failure.TIMED_OUT,
    "25006": Failure.WRITES,
    "42501": Failure.PERMISSION,
    "3D000": Failure.SIGN_IN_FAILED,
    "28": Failure.SIGN_IN_FAILED,
    **dict.fromkeys(("08", "40", "53", "55", "57", "58", "XX"), Failure.UNREACHABLE),
}
_HINTS: Final[Mapping[Failure, str]] = {
    Failure.TIMED_OUT: "Make the query quicker, read fewer rows, or raise GATEWAY_QUERY_SECONDS.",
    Failure.WRITES: "Send one SELECT that calls nothing with an effect.",
    Failure.PERMISSION: "Grant the role SELECT on the tables of the query, and USAGE on schemas.",
    Failure.SIGN_IN_FAILED: "Check user, password and database, and what pg_hba.conf allows.",
    Failure.UNREACHABLE: "Check that the server runs and takes connections; this is tried again.",
    Failure.QUERY_INVALID: "Correct the query; a preview shows what it answers.",
}


def translated(
    error: psycopg2.Error, secrets: Iterable[str], *, offset: int = 0
) -> errors.ReadFailed:
    """Say what a server refused; the query begins `offset` characters into what was sent."""
    state = error.pgcode
    if state is None:
        said = " ".join(str(error).split())
        return failed(Failure.UNREACHABLE, f"the connection broke off: {hidden(said, secrets)}")
    failure = _BY_STATE.get(state) or _BY_STATE.get(state[:2], Failure.QUERY_INVALID)
    said = error.diag.message_primary or state
    position = int(error.diag.statement_position or 0) - offset
    place = f" (character {position} of the query)" if position > 0 else ""
    return failed(failure, hidden(said, secrets) + place)


def failed(failure: Failure, message: str) -> errors.ReadFailed:
    return errors.ReadFailed(failure, message, hint=_HINTS[failure])


def of_state(state: str, message: str, secrets: Iterable[str]) -> errors.ReadFailed:
    """Say what a server answered before a role was signed in."""
    failure = _BY_STATE.get(state) or _BY_STATE.get(state[:2], Failure.UNREACHABLE)
    return failed(failure, hidden(message, secrets))


def hidden(message: str, secrets: Iterable[str]) -> str:
    """Leave out secrets that a server or a driver repeats, by their values."""
    for secret in secrets:
        message = message.replace(secret, "•••") if secret else message
    return texts.cut(message, MAX_MESSAGE_CHARACTERS)
