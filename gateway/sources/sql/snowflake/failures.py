"""What Snowflake refuses, by number and SQLSTATE, as failures of a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql.failures import failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway import errors

# https://docs.snowflake.com/en/user-guide/key-pair-auth-troubleshooting and the numbers that the
# service answers with; those of sign-in are from 390000 on.
_BY_NUMBER: Final[Mapping[int, Failure]] = {
    **dict.fromkeys((606, 3001, 90073), Failure.PERMISSION),
    **dict.fromkeys((604, 630), Failure.TIMED_OUT),
    8: Failure.NOT_ONE_STATEMENT,
    # A session that ended, and a service that is busy or being mended.
    **dict.fromkeys((603, 390111, 390112, 390114, 390115, 390189, 390195), Failure.UNREACHABLE),
}
_BY_STATE: Final[Mapping[str, Failure]] = {
    "42501": Failure.PERMISSION,
    "57014": Failure.TIMED_OUT,
}
_SIGNING_IN: Final = (range(390_000, 391_000), range(394_000, 396_000))
# Numbers of the client itself are of connections.
_OF_CLIENT: Final = range(250_000, 260_000)


def of_number(
    number: int | None, state: str | None, message: str, secrets: Iterable[str] = ()
) -> errors.ReadFailed:
    """Say what was refused; without a number nothing was answered."""
    said = f"{message} ({number})" if number and number > 0 else message
    return failed(_failure(number, state or ""), said, secrets)


def _failure(number: int | None, state: str) -> Failure:
    if number is None or number <= 0 or number in _OF_CLIENT:
        return _BY_STATE.get(state, Failure.UNREACHABLE)
    if any(number in numbers for numbers in _SIGNING_IN):
        return _BY_NUMBER.get(number, Failure.SIGN_IN_FAILED)
    return _BY_NUMBER.get(number) or _BY_STATE.get(state, Failure.QUERY_INVALID)
