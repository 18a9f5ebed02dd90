"""A request to Braze, and what its answers mean."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from gateway.destinations import replies
from gateway.destinations.answers import Done, Later, Rejected, Split, Stop, StopCode

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from gateway.destinations.answers import Answer
    from gateway.outbound import Answer as Reply

_STOPS: Final[Mapping[int, StopCode]] = {
    401: StopCode.CREDENTIALS,
    403: StopCode.PERMISSION,
    404: StopCode.CONFIGURATION,
}
# Older clusters write the place of an object into the sentence.
_INDEX: Final = re.compile(r"\bindex\W{0,3}(\d{1,3})\b|\[(\d{1,3})\]", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Post:
    """What is posted, and to which path."""

    path: str
    body: Mapping[str, object]
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read(reply: Reply, sent: int, secrets: Sequence[str], now: datetime.datetime) -> Answer:
    """Tell how a request of so many rows fared."""
    status, said = reply.status, replies.message_of(reply, secrets)
    if status == 429 or status in range(500, 600) or status == 408:  # noqa: PLR2004
        return Later(message=said, after_seconds=_wait(reply, now), for_all=status == 429)  # noqa: PLR2004
    if status in _STOPS:
        return Stop(code=_STOPS[status], message=said)
    if status in range(300, 400):
        return Stop(code=StopCode.CONFIGURATION, message=f"the address leads elsewhere: {said}")
    if status not in range(200, 300):
        return Split(message=said)
    return _taken(replies.record(replies.json_of(reply)), sent, secrets)


def _taken(body: Mapping[str, Any], sent: int, secrets: Sequence[str]) -> Answer:
    """Book a success: its errors are about objects that were sent, counted from 0."""
    rejected: dict[int, Rejected] = {}
    unknown = body.get("message") != "success"
    errors = body.get("errors")
    for error in errors if isinstance(errors, list) else ():
        place, said = _place(error), replies.scrubbed(_words(error), secrets)
        if place is None or place >= sent:
            unknown = True
        else:
            rejected[place] = Rejected(reason="refused", message=said)
    others = frozenset(range(sent)) - rejected.keys()
    receipt = (
        {"attributes_processed": body["attributes_processed"]}
        if ("attributes_processed" in body)
        else {}
    )
    return Done(rejected=rejected, unconfirmed=others if unknown else frozenset(), receipt=receipt)


def _place(error: object) -> int | None:
    if isinstance(error, dict):
        place = error.get("index")
        return place if type(place) is int and place >= 0 else None
    found = _INDEX.search(error) if isinstance(error, str) else None
    return int(found[1] or found[2]) if found else None


def _words(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("type") or error.get("message") or "refused")
    return str(error)


def _wait(reply: Reply, now: datetime.datetime) -> float | None:
    """Return the seconds until the limit is over, by Braze's own header or the common one."""
    reset = reply.headers.get("x-ratelimit-reset", "")
    if reply.status == 429 and re.fullmatch(r"\d{9,11}", reset, re.ASCII):  # noqa: PLR2004
        return max(0.0, int(reset) - now.timestamp())
    return replies.retry_after(reply.headers, now)
