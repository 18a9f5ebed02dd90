"""What refusals of the Data Manager API mean: the reason counts, then the status."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gateway.destinations import replies
from gateway.destinations.answers import Later, Split, Stop, StopCode

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from gateway.outbound import Answer

_STOPS: Final[Mapping[str, StopCode]] = {
    "TERMS_AND_CONDITIONS_NOT_SIGNED": StopCode.TERMS,
    "CUSTOMER_NOT_ALLOWLISTED": StopCode.PERMISSION,
    "PERMISSION_DENIED": StopCode.PERMISSION,
    "DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED": StopCode.PERMISSION,
    "REQUIRED_PREREQUISITE_LINK_MISSING": StopCode.PERMISSION,
    "INVALID_USER_LIST_ID": StopCode.AUDIENCE_DELETED,
    "NOT_FOUND": StopCode.AUDIENCE_DELETED,
    "INVALID_USER_LIST_TYPE": StopCode.CONFIGURATION,
    "INVALID_DESTINATION": StopCode.CONFIGURATION,
    "INVALID_REMOVE_AS_OF_TIME": StopCode.CONFIGURATION,
    "MULTIPLE_DATA_TYPES_NOT_ALLOWED": StopCode.CONFIGURATION,
}
_BY_STATUS: Final[Mapping[int, StopCode]] = {
    401: StopCode.CREDENTIALS,
    403: StopCode.PERMISSION,
    404: StopCode.AUDIENCE_DELETED,
}
_LATER: Final = frozenset({"INTERNAL_ERROR", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})
_DELAY: Final = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s", re.ASCII)


def read(
    answer: Answer, secrets: Sequence[str], now: datetime.datetime
) -> Mapping[str, Any] | Later | Split | Stop:
    """Return the body of a success, or what to do instead."""
    body = replies.json_of(answer)
    if answer.status in range(200, 300):
        return replies.record(body)
    known = replies.record(replies.record(body).get("error"))
    details = replies.records(known.get("details"))
    reasons = [str(one["reason"]) for one in details if one.get("reason")]
    said = replies.scrubbed(_words(known, reasons, details, answer.status), secrets)
    slow = answer.status == 429  # noqa: PLR2004 - too many requests
    if slow or answer.status >= 500 or _LATER & {*reasons}:  # noqa: PLR2004 - their trouble
        after = _delay(details)
        if after is None:
            after = replies.retry_after(answer.headers, now)
        return Later(message=said, after_seconds=after, for_all=slow)
    code = next((_STOPS[one] for one in reasons if one in _STOPS), _BY_STATUS.get(answer.status))
    if code is not None:
        return Stop(code=code, message=said)
    if answer.status < 400:  # noqa: PLR2004 - a redirect, which nothing follows
        return Stop(code=StopCode.CONFIGURATION, message=f"the address leads elsewhere: {said}")
    # One bad member fails the whole request.
    return Split(message=said)


def _delay(details: Sequence[Mapping[str, Any]]) -> float | None:
    for one in details:
        found = _DELAY.fullmatch(str(one.get("retryDelay", "")))
        if found:
            return float(found[1])
    return None


def _words(
    error: Mapping[str, Any],
    reasons: Sequence[str],
    details: Sequence[Mapping[str, Any]],
    status: int,
) -> str:
    said = str(error.get("message") or error.get("status") or "refused")
    violations = [
        f"{one.get('field')}: {one.get('description')}"
        for detail in details
        for one in replies.records(detail.get("fieldViolations"))
    ]
    about = ", ".join([*reasons, f"HTTP {status}"])
    return "; ".join([f"{said} ({about})", *violations[:3]])
