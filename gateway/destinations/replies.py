"""Reading what vendors answer: JSON, waits, and their words without secrets."""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.outbound import Answer

MAX_MESSAGE_CHARACTERS: Final = 500
# A shorter secret would blank innocent parts of words.
_LEAST_SECRET: Final = 4
_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_TAGS: Final = re.compile(r"<[^>]{0,1000}>")
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
# Where vendors write what went wrong, the most telling first.
_SAID: Final = (
    "error_user_msg",
    "error_description",
    "message",
    "msg",
    "detail",
    "reason",
    "title",
    "error",
    "errors",
)


def json_of(answer: Answer) -> object:
    """Parse the body; None if it is no JSON."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def record(value: object) -> Mapping[str, Any]:
    """Take an object of an answer; of anything else an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[Mapping[str, Any]]:
    """Take the objects of a list of an answer; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def retry_after(headers: Mapping[str, str], now: datetime.datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for, as a number or as a date."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - now).total_seconds())


def date_of(headers: Mapping[str, str]) -> datetime.datetime | None:
    """Return the vendor's own time, by the header `Date`."""
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def message_of(answer: Answer, secrets: Iterable[str]) -> str:
    """Take the vendor's words from a body of any form."""
    said = found_in(json_of(answer)) or _TAGS.sub(" ", answer.body.decode("utf-8", "replace"))
    return scrubbed(f"{said} (HTTP {answer.status})", secrets)


def found_in(body: object) -> str:
    """Find a sentence in JSON; empty if there is none."""
    match body:
        case str():
            return body
        case list():
            return next(filter(None, map(found_in, body)), "")
        case dict():
            return next(filter(None, (found_in(body.get(name)) for name in _SAID)), "")
        case _:
            return ""


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Make one short line of a text, without any secret in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "***")
    line = _SPACE.sub(" ", text).strip()
    return line if len(line) <= MAX_MESSAGE_CHARACTERS else f"{line[: MAX_MESSAGE_CHARACTERS - 1]}…"
