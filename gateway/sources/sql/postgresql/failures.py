"""What PostgreSQL refuses, by SQLSTATE, as failures of a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql.failures import failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import psycopg2

    from gateway import errors

# https://www.postgresql.org/docs/current/errcodes-appendix.html: whole codes first, then classes.
_BY_STATE: Final[Mapping[str, Failure]] = {
    "57014": Failure.TIMED_OUT,
    "25006": Failure.WRITES,
    "42501": Failure.PERMISSION,
    "3D000": Failure.SIGN_IN_FAILED,
    "28": Failure.SIGN_IN_FAILED,
    **dict.fromkeys(("08", "40", "53", "55", "57", "58", "XX"), Failure.UNREACHABLE),
}


def translated(
    error: psycopg2.Error, secrets: Iterable[str], *, offset: int = 0
) -> errors.ReadFailed:
    """Say what a server refused; the query begins `offset` characters into what was sent."""
    state = error.pgcode
    if state is None:
        return failed(Failure.UNREACHABLE, f"the connection broke off: {error}", secrets)
    failure = _BY_STATE.get(state) or _BY_STATE.get(state[:2], Failure.QUERY_INVALID)
    said = error.diag.message_primary or state
    position = int(error.diag.statement_position or 0) - offset
    place = f" (character {position} of the query)" if position > 0 else ""
    return failed(failure, said + place, secrets)


def of_state(state: str, message: str, secrets: Iterable[str]) -> errors.ReadFailed:
    """Say what a server answered before a role was signed in."""
    failure = _BY_STATE.get(state) or _BY_STATE.get(state[:2], Failure.UNREACHABLE)
    return failed(failure, message, secrets)
