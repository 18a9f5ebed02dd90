"""What Meta's answers mean: its error codes count, the HTTP status does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.destinations import replies
from gateway.destinations.answers import Later, Split, Stop, StopCode

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.outbound import Answer

# Trouble on their side, and an audience that not all of their machines know yet.
_AGAIN: Final = frozenset({1, 2, 341, 803, 5000, 21009})
_SLOW: Final = frozenset({4, 17, 32, 613, 80003, 80004})
_SLOW_SECONDS: Final = 60.0
_STOPS: Final[Mapping[int, StopCode]] = {
    10: StopCode.PERMISSION,
    100: StopCode.CONFIGURATION,
    102: StopCode.CREDENTIALS,
    105: StopCode.CONFIGURATION,
    190: StopCode.CREDENTIALS,
    368: StopCode.REFUSED,
    2635: StopCode.API_VERSION,
    2650: StopCode.REFUSED,
    2654: StopCode.REFUSED,
    2655: StopCode.TERMS,
}
# They tell more than the code they come with. 33: there is no such object.
_SUBCODES: Final[Mapping[int, StopCode]] = {
    33: StopCode.AUDIENCE_DELETED,
    1487301: StopCode.PERMISSION,
    1487366: StopCode.AUDIENCE_DELETED,
    1713230: StopCode.AUDIENCE_BLOCKED,
}
_PERMISSIONS: Final = range(200, 300)
_USAGE: Final = "x-business-use-case-usage"


def read(
    answer: Answer, secrets: Sequence[str], now: datetime.datetime
) -> Mapping[str, Any] | Later | Split | Stop:
    """Return the body of a success, or what to do instead."""
    body = replies.json_of(answer)
    if not isinstance(body, dict):
        message = replies.scrubbed(f"no JSON in the answer (HTTP {answer.status})", secrets)
        if answer.status == 413:  # noqa: PLR2004 - the body was too large
            return Split(message=message)
        return Later(message=message, after_seconds=wait(answer, now))
    error = body.get("error")
    if isinstance(error, dict):
        return _failure(error, answer, secrets, now)
    if answer.status not in range(200, 300):
        return _failure({}, answer, secrets, now)
    return body


def _failure(
    error: Mapping[str, Any], answer: Answer, secrets: Sequence[str], now: datetime.datetime
) -> Later | Split | Stop:
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    said = replies.scrubbed(_words(error, answer.status), secrets)
    if code in _SLOW or answer.status == 429:  # noqa: PLR2004 - too many requests
        after = wait(answer, now)
        return Later(
            message=said, after_seconds=_SLOW_SECONDS if after is None else after, for_all=True
        )
    if subcode in _SUBCODES or code in _SUBCODES:
        return Stop(code=_SUBCODES.get(subcode) or _SUBCODES[code], message=said)
    if code in _AGAIN or error.get("is_transient") is True:
        return Later(message=said, after_seconds=wait(answer, now))
    if code in _PERMISSIONS:
        return Stop(code=StopCode.PERMISSION, message=said)
    if code in _STOPS:
        return Stop(code=_STOPS[code], message=said)
    return _unknown(said, answer, now)


def _unknown(said: str, answer: Answer, now: datetime.datetime) -> Later | Split | Stop:
    """Go by the status where the code is not known."""
    match answer.status:
        case 401:
            return Stop(code=StopCode.CREDENTIALS, message=said)
        case 403:
            return Stop(code=StopCode.PERMISSION, message=said)
        case status if 300 <= status < 400:  # noqa: PLR2004 - redirects, which nothing follows
            return Stop(code=StopCode.CONFIGURATION, message=said)
        case status if status in range(400, 500):
            return Split(message=said)
        case _:
            return Later(message=said, after_seconds=wait(answer, now))


def wait(answer: Answer, now: datetime.datetime) -> float | None:
    """Return the seconds that Meta asks to wait, by its own header (in minutes) or the common."""
    try:
        usage = orjson.loads(answer.headers.get(_USAGE, "null"))
    except orjson.JSONDecodeError:
        usage = None
    minutes = max(_minutes(usage), default=0)
    return minutes * 60.0 if minutes > 0 else replies.retry_after(answer.headers, now)


def _minutes(usage: object) -> Iterator[int]:
    for uses in usage.values() if isinstance(usage, dict) else ():
        for one in uses if isinstance(uses, list) else ():
            if isinstance(one, dict):
                yield _number(one.get("estimated_time_to_regain_access"))


def _number(value: object) -> int:
    return value if type(value) is int else 0


def _words(error: Mapping[str, Any], status: int) -> str:
    """Say what Meta tells people, with what its support asks for."""
    title, text = error.get("error_user_title"), error.get("error_user_msg")
    said = ": ".join(str(one) for one in (title, text) if one) or error.get("message") or "refused"
    code = error.get("code", f"HTTP {status}")
    subcode = error.get("error_subcode")
    trace = error.get("fbtrace_id")
    about = f"code {code}" + (f"/{subcode}" if subcode else "")
    return f"{said} ({about}{f', trace {trace}' if trace else ''})"
